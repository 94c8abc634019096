using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Granary.Silo.Storage.Files;

/// <summary>The calls by which the log reaches the disk, where they can fail, with an <see cref="IOException"/> whatever the cause: tests derive disks that do.</summary>
internal partial class Disk
{
    private const int NoSpace = 28;

    /// <summary>A new file with room for <paramref name="size"/> bytes.</summary>
    /// <exception cref="IOException">There is no room. The file may be there.</exception>
    public virtual SafeFileHandle Create(string path, long size)
    {
        var handle = Open(path);
        try
        {
            Allocate(handle, size);
            return handle;
        }
        catch (IOException)
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Removes a file, if it is there. That it is gone is on the disk after <see cref="SyncFolder"/>.</summary>
    public virtual void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Makes room for <paramref name="size"/> bytes. What is new is zero.</summary>
    public virtual void Allocate(SafeFileHandle handle, long size)
    {
        if (OperatingSystem.IsLinux())
        {
            var error = PosixFallocate(handle, 0, size);
            if (error == 0)
            {
                return;
            }

            if (error == NoSpace)
            {
                throw new IOException("No space left on the disk.");
            }
        }

        // A file system that cannot set room aside: the writes will tell.
        RandomAccess.SetLength(handle, Math.Max(size, RandomAccess.GetLength(handle)));
    }

    public virtual void Write(SafeFileHandle handle, IReadOnlyList<ReadOnlyMemory<byte>> parts, long position)
    {
        var started = Stopwatch.GetTimestamp();
        RandomAccess.Write(handle, parts, position);
        var bytes = 0L;
        for (var i = 0; i < parts.Count; i++)
        {
            bytes += parts[i].Length;
        }

        DiskCounts.Wrote(started, bytes);
    }

    public virtual void Truncate(SafeFileHandle handle, long size) => RandomAccess.SetLength(handle, size);

    /// <summary>Returns when what was written to the file is on the disk, its length included.</summary>
    public virtual void Sync(SafeFileHandle handle)
    {
        var started = Stopwatch.GetTimestamp();
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(handle);
        }
        else if (Fdatasync(handle) != 0)
        {
            throw new IOException($"fdatasync failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        DiskCounts.Synced(started);
    }

    /// <summary>Returns when it is on the disk which files a folder has.</summary>
    /// <exception cref="SyncFailedException">It may not be, whatever a later sync says.</exception>
    /// <exception cref="IOException">The disk was not asked.</exception>
    public virtual void SyncFolder(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using var folder = Open(path, 0);
        if (folder.IsInvalid)
        {
            // As when the process has too many files open.
            throw new IOException($"The folder {path} could not be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        if (Fsync(folder) != 0)
        {
            throw new SyncFailedException($"fsync of {path} failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    private static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Fdatasync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "posix_fallocate")]
    private static partial int PosixFallocate(SafeFileHandle handle, long offset, long length);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}

/// <summary>The disk was asked to sync, and failed.</summary>
internal sealed class SyncFailedException(string message) : IOException(message);
