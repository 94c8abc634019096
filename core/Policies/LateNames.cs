namespace Granary.Core.Policies;

/// <summary>
/// Names of which a policy's pattern could not be told in time whether it is found in them: they count as names in which it is not, and are asked about again later, a few at a time,
/// for that may have been the machine's doing. May be used by many threads.
/// </summary>
internal sealed class LateNames
{
    /// <summary>Of more, the oldest are not asked about again.</summary>
    private const int Most = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, bool> _names = new(StringComparer.Ordinal);
    private readonly Queue<string> _open = new();
    private readonly Queue<string> _found = new();
    private readonly List<string> _untold = [];
    private volatile bool _isAnyFound;

    /// <summary>How many are to be asked about again.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _open.Count;
            }
        }
    }

    /// <summary>Whether it is known by now that the pattern is found in the name.</summary>
    public bool Has(string name)
    {
        if (!_isAnyFound)
        {
            return false;
        }

        lock (_gate)
        {
            return _names.GetValueOrDefault(name);
        }
    }

    /// <summary>It could not be told.</summary>
    public void Note(string name)
    {
        lock (_gate)
        {
            if (!_names.TryAdd(name, false))
            {
                return;
            }

            _open.Enqueue(name);
            if (_open.Count > Most)
            {
                _names.Remove(_open.Dequeue());
            }
        }
    }

    /// <summary>Asks about the one that has waited for the longest.</summary>
    /// <param name="ask">Whether the pattern is found in it; null: that cannot be told this time either.</param>
    public void AskAgain(Func<string, bool?> ask)
    {
        string? name;
        lock (_gate)
        {
            if (!_open.TryDequeue(out name))
            {
                return;
            }
        }

        var answer = ask(name);
        lock (_gate)
        {
            switch (answer)
            {
                case null:
                    _open.Enqueue(name);
                    break;
                case false:
                    _names.Remove(name);
                    break;
                default:
                    Keep(name);
                    break;
            }
        }
    }

    /// <summary>Names in which the pattern was found since the last call: what is called so goes by the policy now.</summary>
    public string[] TakeFound()
    {
        lock (_gate)
        {
            string[] found = [.. _untold];
            _untold.Clear();
            return found;
        }
    }

    private void Keep(string name)
    {
        _names[name] = true;
        _isAnyFound = true;
        _found.Enqueue(name);
        _untold.Add(name);
        if (_found.Count > Most)
        {
            // What is called so has known it for long.
            _names.Remove(_found.Dequeue());
        }
    }
}
