"""The program and what is around it in a test: servers, ports, disks, terminals, faults, and DuckDB as an oracle."""
