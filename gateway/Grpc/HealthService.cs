using Grpc.Core;
using Grpc.Health.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Granary.Gateway.Grpc;

/// <summary>The standard health service.</summary>
internal sealed class HealthService(HealthStates states) : Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
        => states.Current.Statuses.TryGetValue(request.Service, out var status)
            ? Task.FromResult(new HealthCheckResponse { Status = status })
            : throw new RpcException(new Status(StatusCode.NotFound, $"service '{request.Service}' is not known"));

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        ServingStatus? told = null;
        while (true)
        {
            var snapshot = states.Current;
            if (!snapshot.Statuses.TryGetValue(request.Service, out var status))
            {
                status = ServingStatus.ServiceUnknown;
            }

            if (status != told)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }, context.CancellationToken);
                told = status;
            }

            await snapshot.Replaced.WaitAsync(context.CancellationToken);
        }
    }
}
