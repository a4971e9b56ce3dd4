"""Pictures of attention for pages and papers, drawn with matplotlib; the explorer shows it live."""
