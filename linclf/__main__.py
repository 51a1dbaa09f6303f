"""`python -m linclf`: the same as the command `linclf`."""

from linclf.cli import run

if __name__ == "__main__":
    run()
