"""The ELF ruler: bond lengths read off ELF images, validated in folds beside the simplest readings."""

from auric.ruler.baselines import MeanLength, RidgeOnLine, bond_line
from auric.ruler.dataset import ImageSet, join_blocks, read_images
from auric.ruler.final import train_final
from auric.ruler.fold import run_fold
from auric.ruler.network import ElfNet
from auric.ruler.splits import Fold, make_fold
from auric.ruler.training import TrainingSettings, load_ruler, save_ruler, train
from auric.ruler.validate import validate
from auric.ruler.weights import bin_index, bin_weights, duplicate

__all__ = [
    "ElfNet",
    "Fold",
    "ImageSet",
    "MeanLength",
    "RidgeOnLine",
    "TrainingSettings",
    "bin_index",
    "bin_weights",
    "bond_line",
    "duplicate",
    "join_blocks",
    "load_ruler",
    "make_fold",
    "read_images",
    "run_fold",
    "save_ruler",
    "train",
    "train_final",
    "validate",
]
