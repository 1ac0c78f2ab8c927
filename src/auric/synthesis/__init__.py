"""Whether a recipe gives one cluster or a mixture: records, models on few examples, maps, rules and proposals."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "descriptors": ["Features", "describe"],
        "evaluation": ["cross_predict", "cross_validate"],
        "explain": ["explain_model"],
        "maps": ["condition_map", "five_dimensions", "ligand_distances"],
        "models": ["MODELS", "load_network", "make_model", "save_network"],
        "networks": ["SynthesisNetwork"],
        "peers": ["FingerprintProcess", "FoldwisePeer"],
        "proposals": ["propose_recipes"],
        "records": ["known_smiles", "read_records"],
        "splits": ["ligand_folds", "stratified_folds"],
        "summary": ["summarise_synthesis"],
        "surrogate": ["Surrogate", "learn_surrogate", "rules"],
        "worlds": ["SimulatedSet", "bayes_mcc", "printed_recipe", "simulate"],
    },
)
