"""
Predict new categories
======================

You learn to give categories that were never seen a mean of their own, from their names, places, or other columns. A
plain encoder gives all of them the mean of all categories.

Run it::

    pip install ".[examples]" && python examples/cold_start.py
"""

from itertools import product

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit

from catpool import EmpiricalBayesEncoder, coordinates, names

rng = np.random.default_rng(0)

# %%
# Sales in 300 towns: the mean of a town depends on where it lies and how large it is. The words in the name of an
# article tell what is paid for it.

lat, lon, size = rng.uniform(47, 55, 300), rng.uniform(6, 15, 300), rng.normal(size=300)
of_town = 2 * np.sin(lat) + np.cos(lon) + 0.5 * size + rng.normal(0, 0.3, 300)
words = ["Aroma", "Bonna", "Caldo"], ["Kettle", "Grinder", "Toaster", "Mixer"], ["Basic", "Plus", "Pro"], ["S", "L"]
articles = [" ".join(each) for each in product(*words)]
worth = {word: rng.normal() for each in words for word in each}
of_article = np.array([sum(map(worth.get, each.split())) + rng.normal(0, 0.3) for each in articles])
town, article = rng.integers(0, len(lat), 3000), rng.integers(0, len(articles), 3000)
X = pd.DataFrame(
    {
        "town": [f"town {k}" for k in town],
        "lat": lat[town],
        "lon": lon[town],
        "size": size[town],
        "article": [articles[k] for k in article],
    }
)
y = of_town[town] + of_article[article] + rng.normal(size=3000)

# %%
# What is known of the categories is passed by column: ready-made features, columns of X, or both. How much each of
# them says is learned from the rows. A fifth of the towns, and then of the articles, is kept for the test.

known = {"town": [coordinates("lat", "lon"), "size"], "article": names()}
gains = {}
for column, features in known.items():
    train, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(X, groups=X[column]))
    scores = []
    for told in (None, {column: features}):
        encoder = EmpiricalBayesEncoder([column], prior_features=told, output=["mean", "sd"])
        encoded = encoder.fit(X.iloc[train], y[train]).transform(X.iloc[test])
        scores.append(r2_score(y[test], encoded[column]))
    gains[column] = scores[1] - scores[0]
    print(f"new categories of {column}: R squared {scores[0]:.2f} without features, {scores[1]:.2f} with them")
    print(f"features explain {encoder.summary_['explained'].item():.0%} of the variance between them")

# %%
# Each new category has a mean of its own, and a standard deviation that says how far to trust it.

new = pd.DataFrame({"name": X["article"].iloc[test], "mean": encoded["article"], "sd": encoded["article_sd"]})
print(new.drop_duplicates("name").head().round(2).to_string(index=False))
