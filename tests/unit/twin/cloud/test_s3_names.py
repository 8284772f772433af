"""What a call to S3 asks for is told from its method, path, query and headers."""

from __future__ import annotations

import pytest

from chaosgood_ext.twin.cloud.s3_names import route


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "action"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("PUT", "/b", "", {}, "CreateBucket"),
        ("PUT", "/b", "publicAccessBlock", {}, "PutPublicAccessBlock"),
        ("GET", "/b", "list-type=2&prefix=", {}, "ListObjectsV2"),
        ("GET", "/b", "prefix=a", {}, "ListObjects"),
        ("PUT", "/b/k/x", "", {}, "PutObject"),
        ("PUT", "/b/k/x", "", {"x-amz-copy-source": "/b/y"}, "CopyObject"),
        ("PUT", "/b/k/x", "partNumber=1&uploadId=2", {}, "UploadPart"),
        ("GET", "/b/k/x", "", {}, "GetObject"),
        ("GET", "/b/k/x", "uploadId=2", {}, "ListParts"),
        ("DELETE", "/b/k/x", "tagging", {}, "DeleteObjectTagging"),
        ("BREW", "/b", "", {}, ""),
    ],
)
def test_the_action(method: str, path: str, query: str, headers: dict[str, str], action: str) -> None:
    assert route(method, path, query, headers)[0] == action


def test_the_path_names_bucket_and_key() -> None:
    assert route("GET", "/b/a%20key/x", "", {})[1] == {"Bucket": "b", "Key": "a key/x"}
