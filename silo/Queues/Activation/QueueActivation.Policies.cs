using Granary.Core.Policies;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Activation;

/// <summary>How a queue comes to go by the policies that match it.</summary>
internal sealed partial class QueueActivation
{
    // What policies it goes by, and as a queue of which type. A queue that is declared anew under its name may be of another one.
    private (PolicyTarget Target, PolicyLookup Lookup) _policies;

    private QueueSettings SettingsOf(QueueDefinition definition)
    {
        if (_services.Policies?.Table is not { } table)
        {
            return definition.SettingsWith(AppliedPolicy.None);
        }

        var target = definition.Type.ToTarget();
        _policies = (target, table.Find(definition.Vhost, target, definition.Name, _policies.Target == target ? _policies.Lookup : default));
        return definition.SettingsWith(_policies.Lookup.Found!);
    }

    /// <summary>Has the queue go by the policies as they are now.</summary>
    private void ApplyPolicies()
    {
        var before = _slot.Queue?.DeadLetters;
        _slot.ApplySettings(Now);
        if (_slot.Queue?.DeadLetters is { } deadLetters && deadLetters != before)
        {
            _ = _services.Office.PrepareAsync(_vhost, deadLetters);
        }
    }
}
