"""Descriptors: numbers that say how a structure or an atom's surroundings look, whatever their place and orientation."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "mbtr": ["MBTR_FIRST", "MBTR_SECOND", "Mbtr", "MbtrSettings"],
        "moving": ["MovingSums"],
        "power_spectrum": ["PowerSpectrum", "PowerSpectrumSettings"],
        "products": ["ProductSpectrum", "WeightedProducts"],
        "scaling": ["FeatureScaler"],
        "soap": ["Soap", "SoapSettings"],
        "weighted": ["WeightedPowerSpectrum"],
    },
)
