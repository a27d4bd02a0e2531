"""From raw problems to a training set: a funnel of small filters with a ledger that adds up.

`recipe` reads what is wanted, `funnel` runs it stage by stage and resumes after any interruption, `write`
makes the data set. `normal_form` and `match` say when two problems are the same.
"""
