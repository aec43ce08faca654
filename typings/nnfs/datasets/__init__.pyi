from . import sine as sine
from . import spiral as spiral
from . import vertical as vertical

sine_data = sine.create_data
spiral_data = spiral.create_data
vertical_data = vertical.create_data
