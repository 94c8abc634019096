using Granary.Testing.Brokers;

namespace Granary.Compat.Tests;

/// <summary>The broker of this run as xunit's class fixture.</summary>
public sealed class SharedBroker : BrokerFixture, IAsyncLifetime;
