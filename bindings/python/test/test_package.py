"""The wheel, the stubs and the README."""
import ast
import inspect
import os
import pathlib
import re
import subprocess
import sys
import unittest
import zipfile

import samepage
from helper import Test, with_numpy

BINDING = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = pathlib.Path(samepage.__file__).parent


class Readme(Test):
    @with_numpy
    def test_its_program_of_ten_lines_runs(self):
        program = re.search("```python\n(.*?)```", (BINDING / "README.md").read_text(),
                            re.DOTALL).group(1)
        self.assertLessEqual(len(program.strip().splitlines()), 10)
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True,
                              universal_newlines=True, timeout=20)
        self.assertRegex(done.stdout, r"^message \d+ \(480, 640\) 255\n$")

    def test_every_name_in_its_table_is_there(self):
        table = (BINDING / "README.md").read_text().split("## What is there")[1].split("\n\n")[1]
        for name in re.findall(r"`([A-Z]\w+)[(.`]", table):
            self.assertTrue(hasattr(samepage, name), name)


class Stubs(Test):
    def setUp(self):
        super().setUp()
        self.tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
        self.assertTrue((PACKAGE / "py.typed").exists())

    def test_they_name_everything_public_and_nothing_else(self):
        declared = {node.name for node in self.tree.body
                    if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        declared |= {node.target.id for node in self.tree.body if isinstance(node, ast.AnnAssign)}
        here = {name for name in vars(samepage)
                if not name.startswith("_") and not inspect.ismodule(getattr(samepage, name))}
        self.assertEqual({name for name in declared if not name.startswith("_")}, here)

    def test_every_method_in_them_is_there(self):
        for node in self.tree.body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            for item in node.body:
                if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and \
                        item.name != "__buffer__":  # a method since Python 3.12 only
                    self.assertTrue(hasattr(getattr(samepage, node.name), item.name),
                                    f"{node.name}.{item.name}")

    def test_every_method_has_a_text_and_a_signature(self):
        for name, kind in vars(samepage).items():
            if not inspect.isclass(kind) or issubclass(kind, Exception) or name.startswith("_"):
                continue
            self.assertTrue(kind.__doc__, name)
            for word, method in inspect.getmembers(kind, callable):
                if word.startswith("_"):
                    continue
                self.assertTrue(method.__doc__, f"{name}.{word}")
                inspect.signature(method)


class Errors(Test):
    def test_each_result_has_a_class_with_its_code_and_name(self):
        classes = [kind for kind in vars(samepage).values()
                   if inspect.isclass(kind) and issubclass(kind, samepage.Error) and kind.code]
        self.assertEqual(sorted(kind.code for kind in classes), list(range(-22, 0)))
        for kind in classes:
            self.assertTrue(kind.name.startswith("SPG_E"), kind)
        self.assertTrue(issubclass(samepage.Error, OSError))

    def test_they_are_pythons_own_too_where_it_has_one(self):
        for ours, python in ((samepage.Timeout, TimeoutError), (samepage.NotFound,
                             FileNotFoundError), (samepage.Exists, FileExistsError),
                             (samepage.WouldBlock, BlockingIOError), (samepage.WouldBlock,
                             samepage.Timeout), (samepage.NotPermitted, PermissionError),
                             (samepage.PeerDead, ConnectionResetError), (samepage.TypeMismatch,
                             TypeError), (samepage.NoMemory, MemoryError)):
            self.assertTrue(issubclass(ours, python), ours)

    def test_they_say_what_failed_on_which_name(self):
        with self.assertRaises(FileNotFoundError) as caught:
            samepage.Subscriber("nowhere")
        self.assertIn("nowhere", str(caught.exception))
        self.assertEqual((caught.exception.code, caught.exception.name), (-5, "SPG_ENOENT"))
        with self.assertRaises(samepage.InvalidArgument):
            samepage.Publisher("/malformed")
        with self.assertRaises(ValueError):
            samepage.Publisher("nul\0inside")
        with self.assertRaises(TypeError):
            samepage.Publisher(7)
        publisher, _ = self.topic(type="one")
        with self.assertRaisesRegex(samepage.TypeMismatch, "one"):
            samepage.Publisher(self.name, type="other")

    def test_timeouts_are_seconds_or_none(self):
        _, subscriber = self.topic()
        for wrong in (-1, float("nan"), "soon"):
            with self.assertRaises((ValueError, TypeError)):
                subscriber.receive(wrong)
        with self.assertRaises(TypeError):
            subscriber.receive(1, 2)
        with self.assertRaises(TypeError):
            subscriber.receive(0, timeout=0)


@unittest.skipUnless("SAMEPAGE_WHEEL" in os.environ, "no wheel was built")
class Wheel(Test):
    def setUp(self):
        super().setUp()
        self.path = os.environ["SAMEPAGE_WHEEL"]

    def test_it_is_for_every_python_since_3_9_and_has_all_files(self):
        self.assertIn("-cp39-abi3-linux_", self.path)
        with zipfile.ZipFile(self.path) as wheel:
            files = {name for name in wheel.namelist() if ".dist-info/" not in name}
        self.assertEqual(files, {"samepage/" + name for name in (
            "__init__.py", "__init__.pyi", "_asyncio.py", "_channels.py", "_samepage.abi3.so",
            "py.typed")})

    def test_the_extension_exports_its_entry_and_needs_no_library_of_ours(self):
        extension = str(PACKAGE / "_samepage.abi3.so")
        symbols = subprocess.run(["nm", "-D", "--defined-only", extension], check=True,
                                 stdout=subprocess.PIPE, universal_newlines=True).stdout.split()
        self.assertEqual([name for name in symbols[2::3]], ["PyInit__samepage"])
        needed = subprocess.run(["readelf", "-d", extension], check=True, stdout=subprocess.PIPE,
                                universal_newlines=True).stdout
        self.assertNotRegex(needed, "NEEDED.*(samepage|python)")
