namespace Granary.Crash.Ledger;

/// <summary>Collects what went wrong, each with its seed.</summary>
internal sealed class Faults(int seed, Action<string> log)
{
    private const int MostKept = 100;
    private readonly Lock _gate = new();
    private readonly List<string> _texts = [];
    private int _count;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    public void Add(string text)
    {
        lock (_gate)
        {
            if (++_count <= MostKept)
            {
                _texts.Add($"seed {seed}: {text}");
                log($"FAULT {_texts[^1]}");
            }
        }
    }

    public override string ToString()
    {
        lock (_gate)
        {
            return string.Join('\n', _texts);
        }
    }
}
