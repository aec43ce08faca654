# Stubs for nnfs 0.5.1 (https://github.com/Sentdex/nnfs), which has no types of its own.
from .core import init as init

__version__: str
