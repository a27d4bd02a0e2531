"""From raw sources to a training set: a funnel of small filters with a ledger. Engines are injected."""
