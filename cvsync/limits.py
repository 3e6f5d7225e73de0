"""The service's published numbers, each with its source.

"spec" is the OpenAPI file of Training v3.3; "docs" is the service's limits-and-quotas page of 2025-01.
Sizes are bytes, rates are calls a second.
"""

MAX_IMAGES_PER_BATCH = 64  # spec: CreateImagesFromUrls, CreateImagesFromFiles
MAX_TAGS_PER_BATCH = 20  # spec: the same operations, distinct tag ids in one request
MAX_BODY_BYTES = 40_000_000  # larger bodies time out with 408 in users' reports (about 55 MB and up)
MAX_IMAGE_TAGS_PER_CALL = 128  # spec: CreateImageTags
MAX_REGIONS_PER_CALL = 64  # spec: CreateImageRegions, DeleteImageRegions
MAX_TAGGED_IMAGES_PER_DELETE = 64  # spec: DeleteImageTags, images in the cross product
MAX_TAGS_PER_DELETE = 20  # spec: DeleteImageTags, tags in the cross product
MAX_IDS_PER_DELETE = 256  # spec: DeleteImages
MAX_IDS_PER_READ = 256  # spec: GetImagesByIds
MAX_PAGE = 256  # spec: `take` of the listings
MAX_TAG_FILTER = 20  # spec: `tagIds` of the listings
MAX_PREDICTIONS_PER_CALL = 64  # spec: DeletePrediction, QuerySuggestedImages
MAX_QUERY_TAGS = 2  # spec: QueryPredictions, conditions on tags
MAX_METADATA_PAIRS = 50  # spec: metadata of one image
MAX_METADATA_KEY = 256  # spec: characters of a metadata key
MAX_METADATA_VALUE = 512  # spec: characters of a metadata value

MAX_IMAGE_BYTES = 6_000_000  # docs: a training image, "6 MB"
MAX_PREDICTION_IMAGE_BYTES = 4_000_000  # docs: an image sent for prediction, "4 MB"
MAX_SIDE_PX = 10_240  # docs
MAX_ASPECT_RATIO = 25  # docs: 25:1
MAX_IMAGES_S0 = 100_000  # docs: training images of a project
MAX_IMAGES_F0 = 5_000  # docs
MAX_TAGS_S0 = 500  # docs: tags of a project
MAX_TAGS_F0 = 50  # docs
MAX_REGIONS_PER_IMAGE = 300  # docs
MAX_REGIONS_PER_PREDICTION = 200  # docs: of one predicted image
MAX_TAGS_PER_IMAGE = 100  # docs
MIN_IMAGES_PER_TAG_CLASSIFICATION = 5  # docs
MIN_IMAGES_PER_TAG_DETECTION = 15  # docs
MIN_TAGS_CLASSIFICATION = 2  # docs: a classifier needs something to tell apart

CALLS_PER_SECOND = 10  # docs: every call but TrainProject and predictions, F0 and S0 alike

MAX_URL_BYTES = 8_000  # no published figure: what common gateways accept
IDS_PER_URL = 200  # image ids in one query, of 37 bytes each: what MAX_URL_BYTES has room for
