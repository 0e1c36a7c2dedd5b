"""Where agents work: the code bases of projects, the places made of them for issues, what runs there, and what was
done to them on the host.
"""

from workspaces.models.execution import ExecutionWorkspace
from workspaces.models.operation import WorkspaceOperation
from workspaces.models.project import ProjectWorkspace
from workspaces.models.service import RuntimeService, RuntimeServiceLease

__all__ = [
    "ExecutionWorkspace",
    "ProjectWorkspace",
    "RuntimeService",
    "RuntimeServiceLease",
    "WorkspaceOperation",
]
