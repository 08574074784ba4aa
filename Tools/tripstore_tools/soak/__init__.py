"""Everything at once for a while (scripts/soak), and kills at random moments (scripts/kill-test)."""
