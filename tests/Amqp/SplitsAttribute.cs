using System.Reflection;
using Xunit.Sdk;

namespace Granary.Amqp.Tests;

/// <summary>Yields every named byte sequence of <see cref="WireCases"/> with every place to cut it in two, both ends included.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SplitsAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod)
    {
        foreach (var (name, bytes) in WireCases.All)
        {
            for (var split = 0; split <= bytes.Length; split++)
            {
                yield return [name, split];
            }
        }
    }
}
