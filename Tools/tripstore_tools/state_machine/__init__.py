"""Random steps on a store beside an independent model; every answer is compared."""
