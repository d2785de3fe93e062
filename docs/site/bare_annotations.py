"""Annotations without what is noted of them: a note such as `Doc` is in the table of parameters, not in a signature."""

from typing import Any

import griffe


class BareAnnotations(griffe.Extension):
    """What griffe calls once the notes were read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Leave types alone in the signatures and tables of a package."""
        self._bare(pkg)

    def _bare(self, obj: Any) -> None:
        if obj.is_alias:
            return
        if obj.is_module or obj.is_class:
            for member in obj.members.values():
                self._bare(member)
            if obj.is_module:
                return
        for parameter in obj.parameters if obj.is_class or obj.is_function else ():
            parameter.annotation = without_notes(parameter.annotation)
        if obj.is_function and obj.docstring:
            for section in obj.docstring.parsed:
                for told in section.value if section.kind is griffe.DocstringSectionKind.parameters else ():
                    told.annotation = without_notes(told.annotation)
        if obj.is_attribute:
            obj.annotation = without_notes(obj.annotation)


def without_notes(annotation: Any) -> Any:
    """Return the type of an annotation, also of one that is written as text or an alias of its own."""
    is_noted = isinstance(annotation, griffe.ExprSubscript) and annotation.canonical_path.endswith(".Annotated")
    return annotation.slice.elements[0] if is_noted and isinstance(annotation.slice, griffe.ExprTuple) else annotation
