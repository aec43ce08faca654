"""What is there to learn? The function `data` of a program, as text, for each problem that can be chosen."""

from __future__ import annotations

from settings import Settings

__all__ = ["REGRESSIONS", "classes_of", "problem"]

REGRESSIONS = ("plane", "hills")
"""The problems whose answer is a number; of all others it is a class."""

CLASSES = {"circles": 2, "moons": 2, "xor": 2}

PROBLEMS = {
    "spiral": '''
def data(key):
    """Spiral arms that wind around each other, 100 points in each, and the arm of each point."""
    return datasets.spiral(key, samples=100, classes={arms}, noise={noise})
''',
    "circles": '''
def data(key):
    """A disc and a ring around it, 150 points in each, and which of both each point is in."""
    angle_key, noise_key = random.split(key)
    y = np.repeat([0, 1], 150)
    angle = 2 * np.pi * random.uniform(angle_key, (300,))
    radius = np.where(y == 0, 0.3, 0.8) + {noise} / 2 * random.normal(noise_key, (300,))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32), y
''',
    "moons": '''
def data(key):
    """Two half circles that reach into each other, 150 points in each, and which of both each point is in."""
    angle_key, noise_key = random.split(key)
    y = np.repeat([0, 1], 150)
    angle, side = np.pi * random.uniform(angle_key, (300,)), 1 - 2 * y
    x = np.stack([0.55 * np.cos(angle) - 0.28 * side, side * (0.6 * np.sin(angle) - 0.15)], axis=1)
    return (x + {noise} / 2 * random.normal(noise_key, (300, 2))).astype(np.float32), y
''',
    "xor": '''
def data(key):
    """300 points of a square, and whether the signs of their coordinates differ."""
    place_key, noise_key = random.split(key)
    x = random.uniform(place_key, (300, 2), minval=-1.0, maxval=1.0)
    y = (x[:, 0] * x[:, 1] < 0).astype(np.int64)
    return x + np.float32({noise} / 2) * random.normal(noise_key, (300, 2)), y
''',
    "blobs": '''
def data(key):
    """Clouds around the corners of a polygon, 100 points in each, and the cloud of each point."""
    y = np.repeat(np.arange({arms}), 100)
    angle = 2 * np.pi * y / {arms} + 0.5
    x = 0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (x + (0.05 + {noise} / 2) * random.normal(key, (len(y), 2))).astype(np.float32), y
''',
    "plane": '''
def data(key):
    """300 points of a square, and the height of a tilted plane there."""
    place_key, noise_key = random.split(key)
    x = random.uniform(place_key, (300, 2), minval=-1.0, maxval=1.0)
    height = (x[:, :1] + x[:, 1:]) / 2
    return x, height + np.float32({noise} / 2) * random.normal(noise_key, (300, 1))
''',
    "hills": '''
def data(key):
    """300 points of a square, and the height of hills and hollows there."""
    place_key, noise_key = random.split(key)
    x = random.uniform(place_key, (300, 2), minval=-1.0, maxval=1.0)
    height = np.sin(4 * x[:, :1]) * np.cos(3 * x[:, 1:])
    return x, height + np.float32({noise} / 2) * random.normal(noise_key, (300, 1))
''',
    "own": '''
def data(key):
    """The points that were put on the plane by hand, and the class of each."""
    x1, x2, y = np.array([
{points}
    ]).T
    return np.stack([x1, x2], axis=1).astype(np.float32), y.astype(np.int64)
''',
}


def problem(settings: Settings) -> str:
    """The text of the function `data(key) -> (x, y)`."""
    points = [f"[{x1:g}, {x2:g}, {label}]," for x1, x2, label in settings["points"]]
    lines = ["        " + " ".join(points[i:i + 5]) for i in range(0, len(points), 5)]
    text = PROBLEMS[settings["data"]]
    return text.format(arms=settings["arms"], noise=settings["noise"], points="\n".join(lines)).lstrip()


def classes_of(settings: Settings) -> int:
    """How many answers there are to choose from."""
    if settings["data"] == "own":
        return max([1, *(label for _, _, label in settings["points"])]) + 1
    return CLASSES.get(settings["data"], settings["arms"])
