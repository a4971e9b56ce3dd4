"""The models that ship in the package: one file each, their weights beside it, and what all of them share."""
