using Granary.Crash.Brokers;

namespace Granary.Crash;

internal enum DamageKind
{
    /// <summary>The last segment ends somewhere behind the early messages.</summary>
    Cut,

    /// <summary>Some bits of the last 4 KiB are wrong.</summary>
    FlipEnd,

    /// <summary>There is a bit wrong among the early messages.</summary>
    Early,

    /// <summary>Behind the end stands something else.</summary>
    Garbage,

    /// <summary>Some bits anywhere behind the early messages are wrong.</summary>
    FlipLate,

    /// <summary>From somewhere in the last 4 KiB on there are zeros.</summary>
    ZeroEnd,
}

/// <summary>Where the written part of a log ends.</summary>
internal readonly record struct LogEnd(string Segment, long Position)
{
    /// <summary>Segments have room behind what is written, which is zero.</summary>
    public static LogEnd Of(string folder)
    {
        var last = Directory.EnumerateFiles(Path.Combine(NodeProcess.DataIn(folder), "log")).Order(StringComparer.Ordinal).Last();
        return new LogEnd(last, File.ReadAllBytes(last).AsSpan().LastIndexOfAnyExcept((byte)0) + 1);
    }
}

/// <summary>Damages copies of a node's folder behind a place up to which all was on the disk, or before it.</summary>
internal sealed class SegmentDamage
{
    private const int Tail = 4096;
    private readonly string _folder;
    private readonly Random _random;
    private readonly LogEnd _end;
    private readonly long _early;

    public SegmentDamage(string folder, LogEnd early, Random random)
    {
        _folder = folder;
        _random = random;
        _end = LogEnd.Of(folder);
        _early = early.Position;
        if (_end.Segment != early.Segment || _end.Position <= _early)
        {
            throw new InvalidOperationException($"The log should have grown within {early.Segment} from {early.Position} on; it ends in {_end.Segment} at {_end.Position}.");
        }
    }

    /// <summary>Copies the folder and damages the copy; returns the damaged file, and what was done to it.</summary>
    public (string File, string What) Inflict(string copy, DamageKind kind)
    {
        // A node that was killed leaves its control socket behind, which nobody can copy.
        foreach (var source in Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "control.sock"))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(_folder, source));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(source, target);
        }

        var file = Path.Combine(copy, Path.GetRelativePath(_folder, _end.Segment));
        using var stream = new FileStream(file, FileMode.Open);
        var tail = Math.Max(_early, _end.Position - Tail);
        var what = kind switch
        {
            DamageKind.Cut => Cut(stream),
            DamageKind.FlipEnd => Flip(stream, tail, _end.Position),
            DamageKind.Early => Flip(stream, Math.Min(Tail, _early / 2), _early - (_early / 4)),
            DamageKind.Garbage => Overwrite(stream, _end.Position, Noise(_random.Next(1, 2 * Tail))),
            DamageKind.FlipLate => Flip(stream, _early, _end.Position),
            DamageKind.ZeroEnd => Zero(stream, _random.NextInt64(tail, _end.Position)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
        return (file, $"{kind}, {what} (written {_end.Position}, early {_early})");
    }

    private string Cut(FileStream stream)
    {
        var at = _random.NextInt64(_early, _end.Position);
        stream.SetLength(at);
        return $"cut at {at}";
    }

    private string Flip(FileStream stream, long from, long to)
    {
        var places = Enumerable.Range(0, _random.Next(1, 5)).Select(_ => _random.NextInt64(from, to)).Distinct().Order().ToArray();
        foreach (var place in places)
        {
            stream.Position = place;
            var value = stream.ReadByte();
            Overwrite(stream, place, [(byte)(value ^ (1 << _random.Next(8)))]);
        }

        return $"flipped at {string.Join(", ", places)}";
    }

    private string Zero(FileStream stream, long at) => Overwrite(stream, at, new byte[_end.Position - at]);

    private byte[] Noise(int count)
    {
        var noise = new byte[count];
        _random.NextBytes(noise);
        return noise;
    }

    private static string Overwrite(FileStream stream, long at, byte[] bytes)
    {
        stream.Position = at;
        stream.Write(bytes);
        return $"{bytes.Length} bytes overwritten at {at}";
    }
}
