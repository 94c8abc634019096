using Granary.Core.Policies;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Activation;

/// <summary>How a queue comes to go by the policies that match it.</summary>
internal sealed partial class QueueActivation
{
    private QueueSettings SettingsOf(QueueDefinition definition) =>
        definition.SettingsWith(_services.Policies?.Table.Find(definition.Vhost, definition.Type.ToTarget(), definition.Name) ?? AppliedPolicy.None);

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
