"""All routes of 我的推荐设置."""

from __future__ import annotations

from serving.portal.mine import attributes, complaints, consents, copy, erasure, page, pushes, tags

routers = [module.router for module in (page, consents, tags, pushes, attributes, copy, erasure, complaints)]
