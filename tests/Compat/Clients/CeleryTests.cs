namespace Granary.Compat.Tests.Clients;

/// <summary>Celery 5.2 (Debian's) with its workers in processes of their own and results over rpc://.</summary>
public sealed class CeleryTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("tasks_and_results")]
    [InlineData("acks_late")]
    [InlineData("beat")]
    [InlineData("priorities")]
    public Task Celery_Script_Passes(string script) => Script.RunAsync(shared.Broker, Script.Python, $"Celery/{script}.py");
}
