using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>What the file store tells the operator.</summary>
internal static partial class FileStoreLog
{
    [LoggerMessage(3310, LogLevel.Information, "Opened {Folder}: {Queues} queues, {Segments} segments, {Bytes} bytes, read in {Milliseconds} ms.")]
    public static partial void LogOpened(this ILogger logger, string folder, int queues, int segments, long bytes, long milliseconds);

    [LoggerMessage(3311, LogLevel.Warning, "The last write before the process ended is not complete: {Bytes} bytes of {File} from byte {Position} on were cut off. Nobody was told that they were safe.")]
    public static partial void LogTornTail(this ILogger logger, string file, long position, long bytes);

    [LoggerMessage(3312, LogLevel.Warning, "What was written to {File} after a sync of it had failed is lost from byte {Position} on. Nobody was told that it was safe.")]
    public static partial void LogLostAfterFailedSync(this ILogger logger, string file, long position);

    [LoggerMessage(3313, LogLevel.Error, "Repaired {File}: dropped {Bytes} damaged bytes at {Places} places, with {Entries} entries and {Messages} messages as far as can be told.")]
    public static partial void LogRepaired(this ILogger logger, string file, long bytes, int places, int entries, long messages);

    [LoggerMessage(3314, LogLevel.Error, "Repair: segment {File} is missing; what was in it is lost.")]
    public static partial void LogSegmentMissing(this ILogger logger, string file);

    [LoggerMessage(3315, LogLevel.Error, "Repair: {Messages} stored messages belong to a queue whose definition is lost; they were dropped.")]
    public static partial void LogOrphans(this ILogger logger, long messages);

    [LoggerMessage(3316, LogLevel.Error, "{File} cannot be written any more; going on with a new segment: {Problem}")]
    public static partial void LogSpoiled(this ILogger logger, string file, string problem);

    [LoggerMessage(3317, LogLevel.Error, "No space is won back from {File} and later segments: {Problem}. It is tried again, less and less often; if it stays so, restart with --repair.")]
    public static partial void LogCannotClean(this ILogger logger, string file, string problem);

    [LoggerMessage(3318, LogLevel.Warning, "The disk of {Folder} is full: its reserve is used for what frees space.")]
    public static partial void LogReserveUsed(this ILogger logger, string folder);

    [LoggerMessage(3335, LogLevel.Information, "Opened {Files} files of streams in {Folder}: {Bytes} bytes.")]
    public static partial void LogStreamFiles(this ILogger logger, int files, string folder, long bytes);

    [LoggerMessage(3336, LogLevel.Error, "What the log has of stream {Queue} could not be moved to {File}: {Problem} It stays where it is, and is tried again every few seconds.")]
    public static partial void LogCannotMove(this ILogger logger, string queue, string file, string problem);

    [LoggerMessage(3319, LogLevel.Warning, "{File} is of no use any more but could not be removed: {Problem} It is tried again every second; what is written meanwhile takes room, too.")]
    public static partial void LogCannotRemove(this ILogger logger, string file, string problem);
}
