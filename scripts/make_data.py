"""Make the sample files in data/ from scikit-learn's bundled sets: python scripts/make_data.py [FOLDER]."""

import csv
import sys
from pathlib import Path

from sklearn.datasets import dump_svmlight_file, load_iris, load_wine


def main(folder: Path) -> None:
    iris = load_iris()
    with (folder / "iris.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["sepal length", "sepal width", "petal length", "petal width", "species"])
        rows.writerows([*map(float, x), str(iris.target_names[y])] for x, y in zip(iris.data, iris.target, strict=True))
    wine = load_wine()
    dump_svmlight_file(wine.data, wine.target + 1, str(folder / "wine.svm"), zero_based=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "data")
