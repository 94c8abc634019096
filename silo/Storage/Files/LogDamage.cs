namespace Granary.Silo.Storage.Files;

/// <summary>What to do with what comes next in a segment.</summary>
internal enum LogVerdict
{
    /// <summary>A flush: it counts.</summary>
    Apply,

    /// <summary>There is no more.</summary>
    End,

    /// <summary>A flush that was not finished, and of which nobody was told that it was.</summary>
    Torn,

    /// <summary>Flushes are gone that the disk had refused to sync.</summary>
    LostAfterFailedSync,

    /// <summary>Something is gone that had been on the disk.</summary>
    Damaged,
}

/// <summary>Judges one segment flush by flush: what counts, what may be cut off, and what is damage.</summary>
/// <param name="next">The header of the segment after it, if there is one.</param>
internal sealed class LogDamage(SegmentFile file, SegmentHeader? next)
{
    public const string Advice =
        " Nothing was changed. Put the folder back from a copy, or start with --repair to go on without what is damaged; it says what it drops.";

    private long _position;
    private string _problem = "";

    public LogVerdict Verdict { get; private set; }

    /// <param name="sequence">Of the last flush that counts; moved on with each.</param>
    public LogVerdict Next(SegmentScan scan, ref long sequence) => Verdict = Judge(scan, ref sequence);

    public StoreException ToException() => new($"{file.Path} is damaged at byte {_position}: {_problem}." + Advice);

    private LogVerdict Judge(SegmentScan scan, ref long sequence)
    {
        if (next is not null && sequence == next.FirstSequence - 1)
        {
            // What may follow here was written again in the next segment.
            return LogVerdict.End;
        }

        var start = scan.FlushStart;
        var result = scan.Next();
        if (result == ScanResult.Flush)
        {
            var commit = scan.Commit;
            if (commit.Sequence == sequence + 1 || (commit.Sequence > sequence && (commit.Marks & EntryMarks.Repaired) != 0))
            {
                sequence = commit.Sequence;
                return LogVerdict.Apply;
            }

            scan.GoTo(start);
            return Damage(start, $"flush {sequence + 1} is missing, {commit.Sequence} is there");
        }

        if (next is not null)
        {
            if (sequence >= next.SyncedThrough)
            {
                sequence = next.FirstSequence - 1;
                return LogVerdict.LostAfterFailedSync;
            }

            return result == ScanResult.Bad
                ? Damage(scan.BadAt, scan.Problem)
                : Damage(start, $"it ends with flush {sequence} instead of {next.FirstSequence - 1}");
        }

        if (result == ScanResult.End)
        {
            return LogVerdict.End;
        }

        return scan.HasProof(start, sequence + 1) ? Damage(scan.BadAt, scan.Problem) : LogVerdict.Torn;
    }

    private LogVerdict Damage(long position, string problem)
    {
        (_position, _problem) = (position, problem);
        return LogVerdict.Damaged;
    }
}
