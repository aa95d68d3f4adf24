"""
Encode in a database, or in an ONNX graph
=========================================

You learn to use a fitted encoder where there is no Python: as an SQL statement, and as a graph with the model behind
it.

Run it::

    pip install ".[examples,sql,onnx]" && python examples/sql_and_onnx.py
"""

import sqlite3

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder

rng = np.random.default_rng(0)
shop = rng.integers(0, 50, size=2000)
X = pd.DataFrame({"shop": [f"shop {i}" for i in shop], "price": rng.uniform(1, 9, size=2000)})
y = rng.normal(size=50)[shop] - X["price"] + rng.normal(size=2000)
encoder = EmpiricalBayesEncoder(["shop"], random_state=0).fit(X, y)
new = pd.DataFrame({"shop": ["shop 7", "a new shop", None], "price": [2.0, 3.0, 4.0]})

# %%
# SQL
# ---
# `to_sql` writes `transform` as one SELECT, with a join for each column. With `encodings="table"` there are also
# statements that create and fill a table of the encodings, which is faster for thousands of categories.

*create, select = encoder.to_sql("orders", dialect="sqlite", encodings="table", encodings_name="encodings")
with sqlite3.connect(":memory:") as database:
    new.to_sql("orders", database, index=False)
    for statement in create:
        database.execute(statement)
    encoded = pd.read_sql(select, database)
database.close()
print(encoded.round(3))
difference_sql = float(np.abs(encoded["shop"] - encoder.transform(new)["shop"]).max())
print(f"the largest difference from transform is {difference_sql:.0e}")

# %%
# ONNX
# ----
# After `register_converters()`, skl2onnx writes the encoder and the model as one graph. It takes strings, and knows
# what to do with unseen and missing ones.

try:
    import onnxruntime
    from skl2onnx import to_onnx

    from catpool.onnx import register_converters
except ImportError:
    print('A graph needs more packages: pip install ".[onnx]"')
else:
    register_converters()
    pipeline = make_pipeline(encoder, RandomForestRegressor(20, max_depth=6, random_state=0)).fit(X, y)
    graph = to_onnx(pipeline, X[:1])
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {name: new[[name]].to_numpy() for name in ("shop", "price")}
    inputs["shop"] = inputs["shop"].astype(str).astype(object)
    predicted = session.run(None, inputs)[0].ravel()
    print(predicted.round(2), pipeline.predict(new).round(2))
