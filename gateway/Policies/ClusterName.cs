using System.Text.Json;
using Granary.Core.Policies;
using Granary.Gateway.Amqp;

namespace Granary.Gateway.Policies;

/// <summary>What the cluster is called: what an operator has called it, or else what was configured.</summary>
internal sealed class ClusterName(AmqpOptions options, PolicyCopy? policies = null)
{
    private Tuple<Parameter, string>? _parsed;

    public string Current => policies?.ClusterName is { } set ? NameOf(set) : options.ClusterName;

    private string NameOf(Parameter set)
    {
        if (Volatile.Read(ref _parsed) is { } parsed && ReferenceEquals(parsed.Item1, set))
        {
            return parsed.Item2;
        }

        var value = JsonTerm.Parse(set.Value);
        var name = value.ValueKind == JsonValueKind.String ? value.GetString()! : set.Value;
        Volatile.Write(ref _parsed, Tuple.Create(set, name));
        return name;
    }
}
