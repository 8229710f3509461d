"""Builds libsamepage with CMake and links it into one extension for every Python since 3.9.

SAMEPAGE_BUILD names a folder in which the library is built already, SAMEPAGE_SOURCE its sources if
they are not two folders above.
"""
import os
import pathlib
import subprocess

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
ROOT = pathlib.Path(os.environ.get("SAMEPAGE_SOURCE", HERE.parent.parent))
ONLY_THE_LIBRARY = [f"-DSAMEPAGE_{part}=OFF" for part in ("TOOL", "TESTS", "EXAMPLES", "BENCH")]


class BuildWithLibrary(build_ext):
    """Builds the archive of the library first, in the build folder of this extension."""

    def build_extension(self, extension):
        archive = pathlib.Path(os.environ.get("SAMEPAGE_BUILD", ""), "src", "libsamepage.a")
        if not os.environ.get("SAMEPAGE_BUILD") or not archive.exists():
            archive = self.build_library()
        extension.extra_objects = [str(archive.resolve())]
        super().build_extension(extension)

    def build_library(self):
        folder = pathlib.Path(self.build_temp).resolve() / "library"
        subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-DCMAKE_BUILD_TYPE=Release",
                        *ONLY_THE_LIBRARY], check=True)
        subprocess.run(["cmake", "--build", folder, "--target", "samepage_static",
                        "--parallel", "2"], check=True)
        return folder / "src" / "libsamepage.a"


class WheelForAllPythons(bdist_wheel):
    """The stable ABI begins with 3.9, whatever Python builds it."""

    def get_tag(self):
        _, _, platform = super().get_tag()
        return "cp39", "abi3", platform


setup(
    ext_modules=[
        Extension(
            "samepage._samepage",
            sources=sorted(str(path.relative_to(HERE)) for path in HERE.glob("src/extension/*.c")),
            depends=sorted(str(path.relative_to(HERE)) for path in HERE.glob("src/extension/*.h")),
            include_dirs=[str(ROOT / "include")],
            extra_compile_args=["-std=gnu11", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wshadow",
                                "-Wno-cast-function-type", "-Wno-missing-field-initializers"],
            extra_link_args=["-Wl,--exclude-libs,ALL", "-pthread"],
            py_limited_api=True,
        )
    ],
    cmdclass={"build_ext": BuildWithLibrary, "bdist_wheel": WheelForAllPythons},
)
