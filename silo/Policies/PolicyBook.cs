using Granary.Core.Policies;

namespace Granary.Silo.Policies;

/// <summary>Policies and parameters, by name. Synchronous; each change is told as it is made. What changes nothing is none.</summary>
internal sealed class PolicyBook
{
    private readonly Action<PolicyEntry> _changed;
    private readonly Dictionary<(string Vhost, bool IsOperator, string Name), Policy> _policies = [];
    private readonly Dictionary<(string? Vhost, string Component, string Name), Parameter> _parameters = [];
    private static readonly string[] Limiting = ["expires", "max-length", "max-length-bytes"];

    private readonly Dictionary<string, int> _unseen;
    private int _changes;

    public PolicyBook(PolicyState state, Action<PolicyEntry> changed)
    {
        _changed = changed;
        _unseen = state.Unseen.ToDictionary(static vhost => vhost, static _ => 0, StringComparer.Ordinal);
        foreach (var policy in state.Policies)
        {
            _policies[KeyOf(policy)] = policy;
        }

        foreach (var parameter in state.Parameters)
        {
            _parameters[KeyOf(parameter)] = parameter;
        }
    }

    /// <summary>Vhosts whose policies changed, and in which queues that nobody uses have not been looked at since (<see cref="Seen"/>).</summary>
    public IReadOnlyDictionary<string, int> Unseen => _unseen;

    public PolicyState ToState() => new() { Policies = [.. _policies.Values], Parameters = [.. _parameters.Values], Unseen = [.. _unseen.Keys] };

    /// <summary>All of it, as changes of nothing.</summary>
    public PolicyEntry[] ToEntries() =>
        [.. _policies.Values.Select(static policy => new PolicyEntry { Policy = policy }), .. _parameters.Values.Select(static parameter => new PolicyEntry { Parameter = parameter })];

    /// <returns>False: it was so.</returns>
    public bool Put(Policy policy)
    {
        if (_policies.GetValueOrDefault(KeyOf(policy)) == policy)
        {
            return false;
        }

        _policies[KeyOf(policy)] = policy;
        NoteUnseen(policy.Vhost);
        _changed(new PolicyEntry { Policy = policy });
        return true;
    }

    /// <returns>False: it was so.</returns>
    public bool Put(Parameter parameter)
    {
        if (_parameters.GetValueOrDefault(KeyOf(parameter)) == parameter)
        {
            return false;
        }

        _parameters[KeyOf(parameter)] = parameter;
        _changed(new PolicyEntry { Parameter = parameter });
        return true;
    }

    /// <returns>False: there was none.</returns>
    public bool DeletePolicy(string vhost, string name, bool isOperator)
    {
        if (!_policies.Remove((vhost, isOperator, name), out var policy))
        {
            return false;
        }

        NoteUnseen(vhost);
        _changed(new PolicyEntry { Policy = policy, IsRemoved = true });
        return true;
    }

    /// <returns>False: there was none.</returns>
    public bool DeleteParameter(string? vhost, string component, string name)
    {
        if (!_parameters.Remove((vhost, component, name), out var parameter))
        {
            return false;
        }

        _changed(new PolicyEntry { Parameter = parameter, IsRemoved = true });
        return true;
    }

    public void RemoveVhost(string vhost)
    {
        foreach (var key in _policies.Keys.Where(key => key.Vhost == vhost).ToArray())
        {
            DeletePolicy(vhost, key.Name, key.IsOperator);
        }

        foreach (var key in _parameters.Keys.Where(key => key.Vhost == vhost).ToArray())
        {
            DeleteParameter(vhost, key.Component, key.Name);
        }

        _unseen.Remove(vhost);
    }

    /// <summary>Queues that nobody uses were looked at, as of what <see cref="Unseen"/> was before.</summary>
    public void Seen(IEnumerable<KeyValuePair<string, int>> before)
    {
        foreach (var (vhost, change) in before)
        {
            if (_unseen.TryGetValue(vhost, out var last) && last == change)
            {
                _unseen.Remove(vhost);
            }
        }
    }

    // Only where something limits queues is there anything to see.
    private void NoteUnseen(string vhost)
    {
        if (_policies.Values.Any(policy => policy.Vhost == vhost && Limiting.Any(key => policy.Definition.Contains($"\"{key}\":", StringComparison.Ordinal))))
        {
            _unseen[vhost] = ++_changes;
        }
    }

    private static (string Vhost, bool IsOperator, string Name) KeyOf(Policy policy) => (policy.Vhost, policy.IsOperator, policy.Name);

    private static (string? Vhost, string Component, string Name) KeyOf(Parameter parameter) => (parameter.Vhost, parameter.Component, parameter.Name);
}
