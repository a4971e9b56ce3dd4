"""One file a use case, its result in it. What several share: ``encoder``, ``encoder_decoder``, ``pictures``."""
