"""Where things stand: six entries at the top, the tests of a file where the file is, every public path of before."""

from __future__ import annotations

import importlib
import inspect
import subprocess
from pathlib import Path

import pytest

import funcnn as fn

ROOT = Path(__file__).parents[2]
PACKAGE, TESTS = ROOT / "funcnn", ROOT / "tests"

# ------------------------------------------------------------------------------------------- files and folders

TESTED_ELSEWHERE = {"typing": "typecheck"}
NO_ROOM = {"benchmarks", "contracts", "house", "playground", "typecheck"}
"""Folders of tests that are about no one room: measurements, lists of what meets every law, the whole, the types."""


def folders(parent: Path) -> set[str]:
    """The names of the folders with code; a folder of tests is called `jax_` where `jax` would hide a package."""
    return {path.parent.name for path in parent.glob("*/*.py")}


def nouns(parent: Path, prefix: str = "") -> set[str]:
    """What the single files of a folder are about."""
    return {path.stem.removeprefix(prefix) for path in parent.glob(f"{prefix}*.py")}


def test_the_top_level_holds_six_visible_entries() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    visible = {name.split("/")[0] for name in listed.stdout.splitlines() if not name.startswith(".")}
    assert visible <= {"pyproject.toml", "README.md", "funcnn", "tests", "examples", "typings"}


def test_each_folder_has_its_folder_of_tests() -> None:
    assert {name.rstrip("_") for name in folders(TESTS) - NO_ROOM} == folders(PACKAGE)
    assert [name for name in folders(TESTS) - NO_ROOM if not list((TESTS / name).glob("test_*.py"))] == []


def test_each_single_file_has_its_file_of_tests() -> None:
    files = nouns(PACKAGE) - {"__init__"}
    assert nouns(TESTS, "test_") == {name.strip("_") for name in files - TESTED_ELSEWHERE.keys()}
    assert all((TESTS / place).exists() for place in TESTED_ELSEWHERE.values())


# ------------------------------------------------------------------------------------------------ public paths

FIRST = {
    "activations": """
        elu gelu hard_sigmoid hard_tanh leaky_relu log_sigmoid log_softmax mish relu selu sigmoid silu softmax
        softplus tanh""",
    "checkpoint": """
        CheckpointError CheckpointNotFoundError DamagedCheckpointError all_steps best keep latest load load_file
        save""",
    "datasets": """
        nnfs_sine nnfs_spiral nnfs_vertical sine spiral vertical""",
    "initializers": """
        Initializer constant glorot_normal glorot_uniform he_normal he_uniform lecun_normal lecun_uniform
        normal ones orthogonal truncated_normal uniform variance_scaling zeros""",
    "layers": """
        Layer affine avg_pool2d conv2d dense dropout embedding flatten layer_norm max_pool2d residual serial""",
    "losses": """
        absolute_error binary_cross_entropy categorical_cross_entropy contrastive cosine_distance hinge huber
        kl_divergence log_cosh one_hot poisson sigmoid_binary_cross_entropy smooth_labels
        softmax_cross_entropy squared_error triplet_margin""",
    "metrics": """
        accuracy binary_accuracy confusion_matrix f1 mean_over_batches precision r2 recall regression_accuracy
        top_k_accuracy""",
    "optimizers": """
        AccumulateState AdadeltaState AdamState AdamaxState AmsgradState EmaState EmptyState
        GradientTransformation LionState OptState RmsState RssState ScheduleState SkipState TraceState
        accumulate adadelta adagrad adam adamax adamw add_decayed_weights amsgrad apply_updates chain clip
        clip_by_global_norm ema entrywise global_norm identity lion masked nadam radam rmsprop scale
        scale_by_adadelta scale_by_adam scale_by_adamax scale_by_amsgrad scale_by_learning_rate scale_by_lion
        scale_by_nadam scale_by_radam scale_by_rms scale_by_rss scale_by_schedule sgd skip_not_finite trace""",
    "parallel": """
        data_parallel""",
    "plotting": """
        COLORS activations animate confusion_matrix decision_boundary figure gradient_flow graph history
        predictions weights""",
    "random": """
        ball bernoulli beta bits categorical choice dirichlet exponential fold_in gamma gumbel key laplace logistic
        multivariate_normal normal permutation poisson rademacher randint split student_t t truncated_normal
        uniform""",
    "regularizers": """
        elastic_net l1 l2""",
    "schedules": """
        constant cosine_decay exponential_decay inverse_time_decay join linear one_cycle piecewise_constant
        polynomial warmup_cosine_decay""",
    "testing": """
        assert_pure assert_trees_close check_grads check_layer check_optimizer""",
    "tracing": """
        NonFinite Operand Operation Parameter Stage Summary Trace find_nonfinite summary trace""",
    "training": """
        Batches EarlyStopping batches check_finite early_stopping evaluate fold make_step make_stochastic_step
        predict progress scan split""",
    "tree": """
        FrozenDict LEAF_TYPES MissingKeyError Path Structure all_close are_leaves astype equal flatten freeze
        from_keras from_torch get keystr leaves leaves_with_path map map_with_path ravel reduce register_dataclass
        register_leaf register_node structure to_keras to_torch transpose unflatten update_in""",
    "typing": """
        AnyWidth Array Axis DenseParams Dim IntArray Key Keys Labels Mask Params Scalar Schedule Shape""",
}
"""What each public module said it holds when the package was one alphabet of files. Names are added, none goes."""

OF_THE_PACKAGE = """
    FrozenDict custom_vjp elementwise_grad grad hessian hvp jacfwd jacobian jacrev jvp linearize remat stop_gradient
    value_and_grad vjp"""


@pytest.mark.parametrize("module", FIRST)
def test_every_public_path_of_before_stays(module: str) -> None:
    face = importlib.import_module(f"funcnn.{module}")
    assert set(FIRST[module].split()) <= set(face.__all__)
    assert [name for name in FIRST[module].split() if not hasattr(face, name)] == []
    assert getattr(fn, module) is face


def test_the_package_holds_the_transformations_and_its_modules() -> None:
    named = {name for name, value in vars(fn).items() if callable(value) and not name.startswith("_")} - {"Any"}
    assert set(OF_THE_PACKAGE.split()) <= named
    assert inspect.ismodule(fn.checkpoint)  # JAX's jax.checkpoint is fn.remat
