using System.Runtime.CompilerServices;
using Granary.Silo.Storage.Files;
using Microsoft.Win32.SafeHandles;

namespace Granary.Storage.Tests.Files;

/// <summary>A disk that fails as it is told.</summary>
internal sealed class FaultyDisk : Disk
{
    private readonly ConditionalWeakTable<SafeFileHandle, string> _paths = [];

    /// <summary>A write gets this far before it fails.</summary>
    public int? WriteOnly { get; set; }

    public bool SyncFails { get; set; }

    /// <summary>Asked with the path of each file that is synced; an empty one, if the file was there when the store was opened.</summary>
    public Func<string, bool>? FailsSyncOf { get; set; }

    /// <summary>The name of a folder that fails to sync.</summary>
    public string? UnsyncableFolder { get; set; }

    /// <summary>A folder cannot even be opened to be synced.</summary>
    public bool HasNoHandles { get; set; }

    /// <summary>There is no room for anything new.</summary>
    public bool IsFull { get; set; }

    /// <summary>How many bytes the files of the store may have together; looked at when one is made.</summary>
    public long? Quota { get; set; }

    /// <summary>How long a file that there is becomes at the most by room that is set aside.</summary>
    public long? LongestGrown { get; set; }

    /// <summary>There is no room for files of streams.</summary>
    public bool IsFullForStreams { get; set; }

    /// <summary>The name of a file that cannot be removed.</summary>
    public string? Undeletable { get; set; }

    public int Syncs { get; private set; }

    /// <summary>Bytes of writes that did not fail.</summary>
    public long Written { get; private set; }

    /// <summary>A sync tells that it has begun, and waits.</summary>
    public (TaskCompletionSource Begun, Task Goes)? Hold { get; set; }

    /// <summary>How many bytes the files of a store have.</summary>
    public static long Used(string folder) => Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Sum(static file => new FileInfo(file).Length);

    public override SafeFileHandle Create(string path, long size)
    {
        if (IsFullForStreams && path.EndsWith(".stream", StringComparison.Ordinal))
        {
            throw new IOException("No space left on the disk.");
        }

        // The reserve makes room for what is as small.
        var hasRoom = !IsFull || (path.EndsWith(".log", StringComparison.Ordinal) && size <= 20_000 && !File.Exists(Path.Combine(path, "../../reserve")));
        if (!hasRoom)
        {
            throw new IOException("No space left on the disk.");
        }

        var folder = Path.GetDirectoryName(path)!;
        if (Quota is { } quota && quota < Used(Path.GetFileName(folder) is "log" or "streams" ? Path.GetDirectoryName(folder)! : folder) + size)
        {
            throw new IOException("No space left on the disk.");
        }

        var handle = base.Create(path, size);
        _paths.Add(handle, path);
        return handle;
    }

    public override void Allocate(SafeFileHandle handle, long size)
    {
        if (size > LongestGrown && RandomAccess.GetLength(handle) is > 0 and var length && length < size)
        {
            throw new IOException("No space left on the disk.");
        }

        base.Allocate(handle, size);
    }

    public override void Delete(string path)
    {
        if (Path.GetFileName(path) == Undeletable)
        {
            throw new IOException("The disk failed to delete.");
        }

        base.Delete(path);
    }

    public override void Write(SafeFileHandle handle, IReadOnlyList<ReadOnlyMemory<byte>> parts, long position)
    {
        if (WriteOnly is not { } limit)
        {
            base.Write(handle, parts, position);
            Written += parts.Sum(part => (long)part.Length);
            return;
        }

        var bytes = parts.SelectMany(part => part.ToArray()).Take(limit).ToArray();
        RandomAccess.Write(handle, bytes, position);
        throw new IOException("The disk failed.");
    }

    public override void Sync(SafeFileHandle handle)
    {
        Syncs++;
        if (Hold is { } hold)
        {
            hold.Begun.TrySetResult();
            hold.Goes.Wait();
        }

        if (SyncFails || FailsSyncOf?.Invoke(_paths.TryGetValue(handle, out var path) ? path : "") is true)
        {
            throw new IOException("The disk failed to sync.");
        }

        base.Sync(handle);
    }

    public override void SyncFolder(string path)
    {
        if (HasNoHandles)
        {
            throw new IOException("Too many open files.");
        }

        if (Path.GetFileName(path) == UnsyncableFolder)
        {
            throw new SyncFailedException("The disk failed to sync a folder.");
        }

        base.SyncFolder(path);
    }
}
