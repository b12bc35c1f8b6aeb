//! Where clock, disk and plugins meet: the journal, the tail, the layers, the requests.
