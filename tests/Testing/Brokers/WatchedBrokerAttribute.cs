using System.Reflection;
using Granary.Testing.Logs;
using Xunit.Sdk;

namespace Granary.Testing.Brokers;

/// <summary>Fails each test of a class during which the shared broker logs what neither it nor a test beside it has announced. The log of a broker that ran already is not there to be read.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class WatchedBrokerAttribute : BeforeAfterTestAttribute
{
    private LogWindow? _window;

    /// <inheritdoc/>
    public override void Before(MethodInfo methodUnderTest)
    {
        ArgumentNullException.ThrowIfNull(methodUnderTest);
        var type = methodUnderTest.ReflectedType!;
        _window = BrokerProcess.Shared is not { DataFolder: not null } broker ? null : broker.SharedLog.Begin(
            $"{type.Name}.{methodUnderTest.Name}",
            methodUnderTest.GetCustomAttribute<LogsAttribute>()?.Events.ToHashSet() ?? [],
            methodUnderTest.GetCustomAttributes<MayLogAttribute>().Concat(type.GetCustomAttributes<MayLogAttribute>()).SelectMany(may => may.Events).ToHashSet());
    }

    /// <inheritdoc/>
    public override void After(MethodInfo methodUnderTest)
    {
        if (_window is { } window && BrokerProcess.Shared is { } broker)
        {
            broker.Settle();
            broker.SharedLog.End(window);
        }
    }
}
