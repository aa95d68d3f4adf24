import pickle

import numpy as np
import pytest
from helpers.described import of
from scipy.spatial.distance import cdist

from catpool import coordinates
from catpool.models.features.ready_made.coordinates import PlaceBasis
from catpool.models.features.ready_made.expansion import spread

RNG = np.random.default_rng(0)


def towns(n, rng=RNG):
    return of(range(n), "town").assign(lat=rng.uniform(47, 55, n), lon=rng.uniform(6, 15, n))


def on_the_globe(frame):
    lat, lon = np.radians(frame["lat"].to_numpy()), np.radians(frame["lon"].to_numpy())
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def dense(points):
    """The covariance of effects whose variogram is the distance, about their mean, with a mean variance of 1."""
    center = np.eye(len(points)) - 1 / len(points)
    covariance = center @ -np.linalg.norm(points[:, None] - points, axis=2) @ center
    return covariance / np.trace(covariance) * len(points)


KNOWN, NEW = towns(40), towns(10)


def test_all_functions_are_the_gaussian_process():
    functions = coordinates("lat", "lon", rank=1000).fit(KNOWN)(KNOWN)
    assert functions.shape == (40, 39)
    np.testing.assert_allclose(functions @ functions.T, dense(on_the_globe(KNOWN)), atol=1e-8)


def test_the_first_functions_are_those_of_most_variance():
    functions = coordinates("lat", "lon", rank=5).fit(KNOWN)(KNOWN)
    values, vectors = np.linalg.eigh(dense(on_the_globe(KNOWN)))
    np.testing.assert_allclose(functions @ functions.T, (vectors * values)[:, -5:] @ vectors[:, -5:].T, atol=1e-8)


def test_a_new_category_has_the_mean_of_the_process_at_its_place():
    fitted = coordinates("lat", "lon", rank=1000).fit(KNOWN)
    x, z = on_the_globe(KNOWN), on_the_globe(NEW)
    system = np.ones((41, 41))  # ordinary kriging: weights that sum to 1
    system[-1, -1] = 0
    system[:-1, :-1] = -np.linalg.norm(x[:, None] - x, axis=2)
    sides = np.vstack([-np.linalg.norm(x[:, None] - z, axis=2), np.ones(10)])
    weights = np.linalg.solve(system, sides)[:-1]
    np.testing.assert_allclose(fitted(NEW), weights.T @ fitted(KNOWN), atol=1e-8)


def test_distances_are_those_on_the_globe():
    frame = of(["a", "b", "c"]).assign(lat=[0.0, 0.0, 0.0], lon=[-179.0, 179.0, 0.0])
    a, b, c = coordinates("lat", "lon").fit(frame)(frame)
    assert np.linalg.norm(a - b) < 0.2 * np.linalg.norm(a - c)
    poles = of(["a", "b", "c"]).assign(lat=[90.0, 90.0, 0.0], lon=[0.0, 180.0, 360.0])
    a, b, c = coordinates("lat", "lon").fit(poles)(poles)
    np.testing.assert_allclose(a, b, atol=1e-7)


@pytest.mark.parametrize("columns", [["x"], ["x", "y"], ["x", "y", "z"]])
def test_coordinates_of_a_plane(columns):
    frame = of(range(20)).assign(**dict(zip("xyz", 1000 * RNG.normal(size=(3, 20)), strict=True)))
    functions = coordinates(*columns, earth=False).fit(frame)(frame)
    np.testing.assert_allclose(functions @ functions.T, dense(frame[columns].to_numpy()), atol=1e-8)


def test_the_order_of_categories_does_not_matter():
    fitted = coordinates("lat", "lon", rank=9).fit(KNOWN)
    other = coordinates("lat", "lon", rank=9).fit(KNOWN.iloc[::-1])
    np.testing.assert_array_equal(fitted(NEW), other(NEW))


def test_categories_without_coordinates_have_no_features():
    frame = KNOWN.copy()
    frame.loc[3, "lat"], frame.loc[5, "lon"] = np.nan, np.nan
    functions = coordinates("lat", "lon").fit(frame)(frame)
    missing = np.isnan(functions).all(axis=1)
    assert np.flatnonzero(missing).tolist() == [3, 5]
    rest = coordinates("lat", "lon").fit(frame[~missing])(frame[~missing])
    np.testing.assert_array_equal(functions[~missing], rest)


def test_one_category_has_a_function_of_zeros():
    np.testing.assert_array_equal(coordinates("lat", "lon").fit(KNOWN[:1])(NEW), np.zeros((10, 1)))


def test_categories_at_one_place_have_equal_functions():
    frame = KNOWN.copy()
    frame.iloc[1] = frame.iloc[0]
    functions = coordinates("lat", "lon").fit(frame)(frame)
    np.testing.assert_allclose(functions[0], functions[1], atol=1e-9)
    np.testing.assert_allclose(functions @ functions.T, dense(on_the_globe(frame)), atol=1e-8)


def test_knots_stand_for_about_as_many_points_each():
    points = RNG.normal(size=(5000, 2)) ** 3
    knots = spread(points, 64)
    assert knots.shape == (64, 2)
    assert (knots[:, None] == points).all(axis=2).any(axis=1).all()
    near = np.linalg.norm(points[:, None] - knots, axis=2).argmin(axis=1)
    assert np.bincount(near).max() < 4 * 5000 / 64
    np.testing.assert_array_equal(spread(points[::-1], 64), knots)
    assert len(spread(points[:64], 64)) == 64


def test_many_places_have_the_functions_of_some_of_them():
    many = towns(3000, np.random.default_rng(1))
    functions = coordinates("lat", "lon", rank=30).fit(many)(many)[::30]
    values, vectors = np.linalg.eigh(dense(on_the_globe(many[::6])))
    expected = ((vectors * values)[:, -30:] @ vectors[:, -30:].T)[::5, ::5]
    np.testing.assert_allclose(functions @ functions.T, expected, atol=0.1)


def test_pickles_have_the_same_functions():
    fitted = coordinates("lat", "lon").fit(KNOWN)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted))(NEW), fitted(NEW))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"lat": 91.0},
            "Column 'lat' must be a latitude from -90 to 90, but it is 91 where 'town' is 7. .* earth=False",
        ),
        ({"lon": -200.0}, "Column 'lon' must be a longitude from -180 to 360, but it is -200 where 'town' is 7"),
        ({"lon": np.inf}, "Column 'lon' must be finite, but it is inf where 'town' is 7"),
    ],
)
def test_places_out_of_range_are_refused(changed, message):
    frame = KNOWN.copy()
    frame.loc[7, list(changed)] = list(changed.values())
    fitted = coordinates("lat", "lon").fit(KNOWN)
    for wrong in (coordinates("lat", "lon").fit, fitted):
        with pytest.raises(ValueError, match=message):
            wrong(frame)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.nan, "must have numbers, but columns .'lat', 'lon'. are missing throughout"),
        (50.0, "must have different places, but columns .'lat', 'lon'. are the same place for all"),
        ("fifty", "Column 'lat' must hold numbers"),
    ],
)
def test_useless_places_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        coordinates("lat", "lon").fit(of(["a", "b"]).assign(lat=values, lon=values))


@pytest.mark.parametrize(
    ("features", "x", "y"),
    [
        (coordinates("x", "y"), [90.0, 90.0, 90.0], [0.0, 120.0, 240.0]),  # a pole
        (coordinates("x", "y"), [-90.0, -90.0, -90.0], [7.0, 8.0, 9.0]),
        (coordinates("x", "y"), [50.0, 50.0, 50.0], [0.0, 360.0, 0.0]),
        (coordinates("x", "y", earth=False), [0.3, 0.1 + 0.2, 0.3], [1e6, 1e6, 1e6]),
    ],
)
def test_one_place_in_several_numbers_is_refused(features, x, y):
    with pytest.raises(ValueError, match="must have different places"):
        features.fit(of(["a", "b", "c"]).assign(x=x, y=y))


def test_places_very_near_each_other_are_told_apart():
    frame = of(["a", "b", "c"]).assign(lat=[50.0, 50.0 + 1e-10, 50.0 + 3e-10], lon=7.0)
    functions = coordinates("lat", "lon").fit(frame)(frame)
    np.testing.assert_allclose(functions @ functions.T, dense(np.array([[0.0], [1.0], [3.0]])), atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["lat"], {}, "must have two columns, .* got .'lat'.. Name them, or pass earth=False"),
        (["lat", "lon", "height"], {}, "must have two columns"),
        ([], {"earth": False}, r"must have columns, .* got \[\]. Name them."),
        (["lat", "lon"], {"earth": "yes"}, "`earth` must be True or False"),
        (["lat", "lon"], {"rank": 0.5}, "`rank` must be a whole number from 1"),
    ],
)
def test_wrong_parameters_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        coordinates(*arguments, **options)


def test_damaged_functions_are_refused():
    features = coordinates("lat", "lon")
    for knots, weights in [(np.ones((2, 2)), np.ones((2, 1))), (np.ones((2, 3)), np.ones((3, 1))), (np.ones(3),) * 2]:
        with pytest.raises(ValueError, match="it holds"):
            PlaceBasis(features, knots, weights).verify()


def test_functions_and_what_they_leave_have_the_variance_of_the_process():
    known, new = towns(8), towns(5)
    points, others = on_the_globe(known), on_the_globe(new)
    usual = cdist(points, points).mean() / 2
    own = (cdist(others, points).mean(axis=1) - usual) / usual
    fitted = coordinates("lat", "lon").fit(known)
    np.testing.assert_allclose(fitted.left(new) + (fitted(new) ** 2).sum(axis=1), own)
    np.testing.assert_allclose(fitted.left(known), 0, atol=1e-9)
    np.testing.assert_array_equal(coordinates("lat", "lon").fit(known[:1]).left(new), 0)


def test_coordinates_of_a_plane_must_have_squares():
    frame = of(["a", "b"]).assign(x=[0.0, 1e200])
    with pytest.raises(ValueError, match="Column 'x' must be finite, and its largest magnitude"):
        coordinates("x", earth=False).fit(frame)
