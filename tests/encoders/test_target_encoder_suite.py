"""scikit-learn's own tests of `TargetEncoder`, with an encoder of catpool in its place."""

import inspect

import pytest
from helpers.target_encoder import TargetEncoder
from sklearn.preprocessing.tests import test_target_encoder as suite

pytestmark = pytest.mark.filterwarnings("ignore:y holds .* whole numbers")  # which scikit-learn takes for classes
MORE_THAN_TWO_SECONDS = {"test_fit_transform_not_associated_with_y_if_ordinal_categorical_is_not"}

ONE_STRENGTH = "a column has one strength, learned from all its categories; scikit-learn has one for each category"
OWN_MESSAGES = "the message is catpool's own, which says what to do"
# What differs on purpose: the name of a test, those of its parameters that matter (none of them arrays), and a reason.
# A test that is listed here and passes is an error. A version of scikit-learn need not have each test.
DIFFERENCES = [
    ("test_encoding", {"smooth": "auto"}, ONE_STRENGTH),
    ("test_encoding_multiclass", {"smooth": "auto"}, ONE_STRENGTH),
    ("test_multiple_features_quick", {"smooth": "auto"}, ONE_STRENGTH),
    ("test_custom_categories", {}, "the prior of a column is learned without rows whose category is not listed"),
    ("test_errors", {"msg": "Found input variables with inconsistent"}, OWN_MESSAGES),
    ("test_errors", {"msg": "Target type was inferred to be 'multiclass-multioutput'"}, "y may have several outputs"),
    ("test_use_regression_target", {}, "floats of more than two values are continuous, and not classes"),
    (
        "test_target_encoding_for_linear_regression",
        {"smooth": "auto"},
        "a column without signal becomes nearly constant, so that its coefficient may be large and mean nothing",
    ),
    ("test_target_encoder_raises_cv_overlap", {}, OWN_MESSAGES),
    ("test_target_encoder_shuffle_random_state_deprecated", {}, "`random_state` is no deprecated parameter"),
]

for _name, _test in inspect.getmembers(suite, inspect.isfunction):
    if _name.startswith("test_"):  # pytest finds the tests here, under their own names and with their parameters
        globals()[_name] = pytest.mark.slow(_test) if _name in MORE_THAN_TWO_SECONDS else _test


@pytest.fixture
def global_random_seed():
    """As in scikit-learn's conftest.py."""
    return 0


@pytest.fixture(autouse=True)
def catpool_in_its_place(monkeypatch):
    monkeypatch.setattr(suite, "TargetEncoder", TargetEncoder)


@pytest.fixture(autouse=True)
def differences(request):
    """Expect the failures that the table lists."""
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    for name, parameters, reason in DIFFERENCES:
        if name == request.node.originalname and all(given[key] == value for key, value in parameters.items()):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def test_catpool_is_what_is_tested():
    assert suite.TargetEncoder is TargetEncoder
