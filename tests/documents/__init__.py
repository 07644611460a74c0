"""What the documents name, held against what there is."""
