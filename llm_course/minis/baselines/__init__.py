"""What the minis are measured against: older methods that need no neural network.

One file per method. None of them knows anything about the minis or about the shelf.
"""
