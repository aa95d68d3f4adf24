"""The documentation of the parameters that say what the prior of a category depends on."""

from __future__ import annotations

PRIOR_TEXTS = {
    "within": """
within : {"pooled", "moderated"}, default="pooled"
    Whether rows of all categories have the same variance, or each category has a variance of its own, for
    categories some of which are far noisier than others. "moderated" estimates these variances, and shrinks them
    toward each other as limma does: n_k rows of a category of variance v_k count as n_k v / v_k rows of the average
    variance v. `prior_strength` and `within_sd` in `summary_`, and `reliability`, are then in rows of variance v,
    and `encoding_table` has a `within_sd` for each category. The likelihood of the variance between categories is
    averaged over the variances within that are possible, which takes several times as long as "pooled"; the moment
    estimators treat these as known. "moderated" needs the normal family, weights that are frequencies, a prior by
    name, and folds rather than `EarlierRows`; interactions need ``interaction_prior="own"``. There is no
    log-likelihood.
""",
    "interaction_prior": """
interaction_prior : {"parts", "exact", "own"}, default="parts"
    The prior mean of a combination. With "parts" it is the sum of the effects of its parts, each of which has a
    variance of its own, as in the crossed mixed model. "exact" is the same, but the likelihood is maximized to all
    digits, which takes tens of times as long. Both need the prior "auto", "reml" or "ml", and are fitted by maximum
    likelihood. With "own" it is the mean of all combinations, as for a single column, by any ``prior``. "parts"
    differs from "exact" by a few thousandths. If parts have many hundreds of categories, and rows are spread over
    these, it differs by up to a hundredth, and `summary_` has no log-likelihood for a continuous y.
""",
    "prior_features": """
prior_features : dict, default=None
    What is known of the categories of some columns, by the label of the column: income and place of zip codes, say. The
    prior mean of a category with the features z_k is then its own,

        mu_k = mu + z_k' gamma,    encoding_k = r_k y_k + (1 - r_k) mu_k.

    Rare categories are pulled there, and new ones start there. The effects gamma of a block of features are shrunk to
    0: they are normal with a variance of their own, and all variances are estimated together, by REML for a continuous
    y. For classes and counts mu_k is the sum on the scale of the link. A value is

    - a table with one row per category, in its column of the same label, or as the index of a pandas frame;
    - a list of columns of X that are constant within a category (``transform`` warns if they change);
    - a function from a Series of categories to a table with a row for each;
    - features: `linear`, `ordered`, `coordinates`, `names`, `neighbours`, `sizes`, or an object of your own;
    - or a list of columns and features. Its columns are one block, and each of its features is another.

    Features are made once from the categories of all training rows, never from y, so all folds share them; only `sizes`
    are counted in each fold. A new category in ``transform`` has the features that the table, the function or the
    columns of its row give it. A category without features, such as the missing value, counts as one of average
    features, with a larger `sd`. In `summary_`, `explained` is the share of the variance between categories that the
    features explain; `encoding_table` has the `prior_mean` of each category. It needs the prior "auto", "reml" or "ml",
    and "auto" is then never full Bayes.
""",
}
