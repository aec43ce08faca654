"""Pure-functional neural networks on NumPy alone."""
