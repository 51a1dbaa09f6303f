"""Create the sample files in data/ from data sets of scikit-learn: python scripts/make_data.py [FOLDER].

titanic.csv is OpenML's data set 40945, collected by T. Cason and F. Harrell from the Encyclopedia Titanica; the tests of
scikit-learn contain a copy.
"""

import csv
import gzip
import io
import sys
from importlib.resources import files
from pathlib import Path

from sklearn.datasets import dump_svmlight_file, load_iris, load_wine


def main(folder: Path) -> None:
    iris = load_iris()
    with (folder / "iris.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["sepal length", "sepal width", "petal length", "petal width", "species"])
        rows.writerows([*map(float, x), str(iris.target_names[y])] for x, y in zip(iris.data, iris.target, strict=True))
    wine = load_wine()
    titanic = files("sklearn.datasets.tests.data.openml.id_40945") / "data-v1-dl-16826755.arff.gz"
    if titanic.is_file():
        head, _, body = gzip.decompress(titanic.read_bytes()).decode("utf-8").partition("@data\n")
        with (folder / "titanic.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([line.split("'")[1] for line in head.splitlines() if line.startswith("@attribute")])
            cells = csv.reader(io.StringIO(body.replace("\\'", "'")), skipinitialspace=True)
            rows.writerows(["" if cell == "?" else cell for cell in row] for row in cells if row)
    dump_svmlight_file(wine.data, wine.target + 1, str(folder / "wine.svm"), zero_based=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "data")
