"""pyarrow, polars and obstore write tables to a store and read them again: uploads in parts with
checksums of CRC64NVME in their trailers, and reads of ranges.

The bucket is there already. pyarrow takes the credentials from the environment; polars and obstore
get theirs there as well, or with a web identity token."""

import os

import obstore.exceptions
import obstore.store
import polars
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet

from s3_store import BUCKET, ENDPOINT, LARGE, REGION, content, digest

# The folder cannot read a suffix of what is shorter than it.
rows = 20_000
table = pyarrow.table({
    "number": pyarrow.array(range(rows)),
    "name": pyarrow.array([digest(b"%d" % number) for number in range(rows)]),
})


def by_pyarrow():
    scheme, _, address = ENDPOINT.partition("://")
    # Its own patience is 3 seconds: then it completes a large upload a second time, while the store is
    # still joining the parts of the first.
    store = pyarrow.fs.S3FileSystem(
        endpoint_override=address, scheme=scheme, region=REGION, request_timeout=120
    )
    with store.open_output_stream(f"{BUCKET}/arrow/bytes") as out:
        data = content(LARGE)
        out.write(data)
    with store.open_input_stream(f"{BUCKET}/arrow/bytes") as source:
        assert digest(source.read()) == digest(data)
    pyarrow.parquet.write_table(table, f"{BUCKET}/arrow/table.parquet", filesystem=store)
    again = pyarrow.parquet.read_table(f"{BUCKET}/arrow/table.parquet", filesystem=store)
    assert again.equals(table)
    part = pyarrow.parquet.read_table(
        f"{BUCKET}/arrow/table.parquet", filesystem=store, columns=["number"],
        filters=[("number", "<", 10)],
    )
    assert part.num_rows == 10, part
    found = store.get_file_info(pyarrow.fs.FileSelector(f"{BUCKET}/arrow"))
    assert sorted(info.base_name for info in found) == ["bytes", "table.parquet"], found
    store.copy_file(f"{BUCKET}/arrow/bytes", f"{BUCKET}/arrow/copy")
    assert store.get_file_info(f"{BUCKET}/arrow/copy").size == LARGE
    store.delete_file(f"{BUCKET}/arrow/copy")


def by_polars():
    options = {"aws_endpoint_url": ENDPOINT, "aws_region": REGION}
    if ENDPOINT.startswith("http:"):
        options["aws_allow_http"] = "true"
    frame = polars.from_arrow(table)
    frame.write_parquet(f"s3://{BUCKET}/polars/table.parquet", storage_options=options)
    read = polars.scan_parquet(f"s3://{BUCKET}/polars/*.parquet", storage_options=options)
    assert read.filter(polars.col("number") >= rows - 5).collect().height == 5
    assert read.select(polars.col("number").sum()).collect().item() == rows * (rows - 1) // 2
    # What pyarrow has written.
    other = polars.read_parquet(f"s3://{BUCKET}/arrow/table.parquet", storage_options=options)
    assert other.equals(frame)


def by_obstore():
    store = obstore.store.S3Store(
        BUCKET, endpoint=ENDPOINT, region=REGION,
        client_options={"allow_http": ENDPOINT.startswith("http:")},
    )
    store.put("obstore/small", b"small", mode="create")
    try:
        store.put("obstore/small", b"other", mode="create")
    except obstore.exceptions.AlreadyExistsError:
        pass
    else:
        raise AssertionError("it was there already")
    assert bytes(store.get("obstore/small").bytes()) == b"small"
    data = content(12 << 20)
    store.put("obstore/parts", data, chunk_size=5 << 20)
    assert digest(bytes(store.get("obstore/parts").bytes())) == digest(data)
    assert bytes(store.get_range("obstore/parts", start=7, end=20)) == data[7:20]
    found = [item["path"] for page in store.list("obstore/") for item in page]
    assert sorted(found) == ["obstore/parts", "obstore/small"], found
    store.delete(["obstore/small", "obstore/parts"])


by_pyarrow()
by_polars()
by_obstore()
print("all checks passed")
