"""The shelf: which models exist, and how a name becomes a model that runs."""
