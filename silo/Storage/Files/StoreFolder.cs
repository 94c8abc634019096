using System.Globalization;

namespace Granary.Silo.Storage.Files;

/// <summary>The folder of one store: which format it has, whose it is, and where its files are.</summary>
internal sealed class StoreFolder : IDisposable
{
    /// <summary>The format of a store without files of streams.</summary>
    private const int FirstFormat = 1;

    /// <summary>The newest that this program knows: streams have files of their own.</summary>
    private const int Format = 2;
    private const string FormatName = "granary-store";

    private readonly FileStream _lock;
    private int _format;
    private bool _hasRoomForStreams;

    private StoreFolder(string path, FileStream exclusive)
    {
        Path = path;
        _lock = exclusive;
        LogPath = System.IO.Path.Combine(path, "log");
        StreamsPath = System.IO.Path.Combine(path, "streams");
        ReservePath = System.IO.Path.Combine(path, "reserve");
    }

    public string Path { get; }

    public string LogPath { get; }

    /// <summary>Where the files are that streams have of their own. It is made with the first of them.</summary>
    public string StreamsPath { get; }

    public string ReservePath { get; }

    /// <summary>Which store it is: segments of another one do not belong here.</summary>
    public Guid StoreId { get; private set; }

    /// <summary>Takes the folder for this process, and makes it a store if it is empty.</summary>
    /// <exception cref="StoreException">It is in use, or not a store that this program can use.</exception>
    public static StoreFolder Open(string path, bool scratch, Disk disk)
    {
        StoreFolder? folder = null;
        try
        {
            if (scratch)
            {
                // It is in the data folder, which may have nothing else.
                MakePrivate(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
            }

            MakePrivate(path);
            folder = new StoreFolder(path, TakeLock(path));
            if (scratch && Directory.Exists(folder.LogPath))
            {
                Directory.Delete(folder.LogPath, recursive: true);
            }

            Directory.CreateDirectory(folder.LogPath);
            folder.ReadOrMakeFormat(disk);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            folder?.Dispose();
            throw new StoreException($"The data folder {path} cannot be used: {e.Message}", e);
        }
        catch (StoreException)
        {
            folder?.Dispose();
            throw;
        }
    }

    public string SegmentPath(uint number) => System.IO.Path.Combine(LogPath, number.ToString("x16", CultureInfo.InvariantCulture) + ".log");

    /// <summary>The segments there are, from the oldest on.</summary>
    public List<(uint Number, string Path)> Segments()
    {
        var segments = new List<(uint, string)>();
        foreach (var path in Directory.EnumerateFiles(LogPath, "*.log"))
        {
            var name = System.IO.Path.GetFileNameWithoutExtension(path);
            if (name.Length == 16 && uint.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number))
            {
                segments.Add((number, path));
            }
        }

        segments.Sort();
        return segments;
    }

    public string StreamPath(uint number) => System.IO.Path.Combine(StreamsPath, number.ToString("x8", CultureInfo.InvariantCulture) + ".stream");

    /// <summary>The files of streams that there are, whether they count or not.</summary>
    public List<(uint Number, string Path)> StreamFiles()
    {
        var files = new List<(uint, string)>();
        foreach (var path in Directory.Exists(StreamsPath) ? Directory.EnumerateFiles(StreamsPath, "*.stream") : [])
        {
            var name = System.IO.Path.GetFileNameWithoutExtension(path);
            if (name.Length == 8 && uint.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number) && StreamFile.IsOne(number))
            {
                files.Add((number, path));
            }
        }

        files.Sort();
        return files;
    }

    /// <summary>Makes the folder for files of streams, and has programs refuse the store that do not know of them.</summary>
    /// <param name="syncFolder">As <see cref="LogWriter.SyncFolder"/>.</param>
    /// <exception cref="IOException">That cannot be written.</exception>
    public void MakeRoomForStreams(Disk disk, Action<string> syncFolder)
    {
        if (_format < Format)
        {
            WriteFormat(Format, disk, syncFolder);
        }

        if (!_hasRoomForStreams)
        {
            // One that is there may be of a process that ended before it was on the disk.
            Directory.CreateDirectory(StreamsPath);
            syncFolder(Path);
            _hasRoomForStreams = true;
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Makes a folder for the broker's user alone, if it is not there: one that is may have been given other rights for a reason.</summary>
    private static void MakePrivate(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static FileStream TakeLock(string path)
    {
        var file = System.IO.Path.Combine(path, "lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new StoreException($"The data folder {path} is in use by another process: it holds {file}.", e);
        }
    }

    private void ReadOrMakeFormat(Disk disk)
    {
        var path = System.IO.Path.Combine(Path, "format");
        if (!File.Exists(path))
        {
            if (Segments().Count > 0)
            {
                throw new StoreException($"The data folder {Path} has a log, but its file \"format\" is missing. Put it back from a copy.");
            }

            StoreId = Guid.NewGuid();
            WriteFormat(FirstFormat, disk, disk.SyncFolder);
            return;
        }

        var lines = File.ReadAllLines(path);
        var words = lines.Length > 0 ? lines[0].Split(' ') : [];
        if (words is not [FormatName, var version] || !int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var format))
        {
            throw new StoreException($"The data folder {Path} is not one of Granary's: {path} does not say so.");
        }

        if (format > Format)
        {
            throw new StoreException(
                $"The data folder {Path} has format {format} and this program knows formats up to {Format}: it was written by a newer one. Start that one.");
        }

        _format = format;
        StoreId = lines.Length > 1 && Guid.TryParse(lines[1], out var id) ? id : throw new StoreException($"{path} is damaged: it has no store id.");
    }

    private void WriteFormat(int format, Disk disk, Action<string> syncFolder)
    {
        var path = System.IO.Path.Combine(Path, "format");
        File.WriteAllText(path + ".new", $"{FormatName} {format}\n{StoreId}\n");
        using (var written = File.OpenHandle(path + ".new", FileMode.Open, FileAccess.ReadWrite))
        {
            disk.Sync(written);
        }

        File.Move(path + ".new", path, overwrite: true);
        syncFolder(Path);
        _format = format;
    }
}
