"""Commands and composition: the only place that knows the core, the engine, the trees and FUSE."""
