"""The documentation of the parameters that say which features come out."""

from __future__ import annotations

OUTPUT_TEXTS = {
    "output": """
output : str or sequence of str, default="mean"
    The features of each column, in this order:

    - "mean": the posterior mean, called as the column;
    - "sd": the posterior standard deviation in units of y, called ``<column>_sd``, and so on;
    - "reliability": count / (count + strength), the weight of the category's own rows in its mean;
    - "count": the weight of the rows that the encoding rests on;
    - "size": the weight of all training rows of the category;
    - "code": the place of the category in sorted order (-1 if missing, -2 if unseen);
    - "spread": the standard deviation of the category's rows, pooled;
    - "median", and "q01" to "q99": quantiles of the category's rows, pooled;
    - "skew": the skew of the category's rows, pooled;
    - "histogram": the shares of the category's rows in each of the ``bins`` of y, pooled, called
      ``<column>_histogram_0`` and so on;
    - "share_above_100", with any number: the share of the category's rows with a larger y, pooled.

    Outputs from "spread" on describe the distribution of numbers in each category, and need folds as ``cv``. They are
    pooled as the mean of the same encoder is: not at all, to a given strength, or to a strength that is learned.
    Medians, quantiles, skews and histograms of a number of ``bins`` need all rows in memory. Shares come after the
    other outputs of y.

    All are out of fold on training rows, except "size" and "code", which do not depend on the target. "trees" is a
    set of features for forests and boosted trees:

    - the mean, rounded to a multiple of the power of two that is nearest to half its standard deviation, or with
      EarlierRows to all of it;
    - the size, but not with EarlierRows, because trees would learn the time from a count of the past;
    - the code, for columns where trees gain from it. These have a hundred rows per category on average, or a
      reliability of at least 0.85 and similar means where categories are next to each other in sorted order. Which
      columns have codes is decided once, from all training rows.

    `TreeEncoder` has these features and more.
""",
    "bins": """
bins : int or array of edges, default=10
    The bins of ``output="histogram"``. A number of bins makes bins of equally many rows, learned for each fold from its
    training rows. An array gives the edges between the bins, in rising order; a y on an edge is in the bin below it.
""",
}
