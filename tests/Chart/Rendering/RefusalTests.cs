namespace Granary.Chart.Tests.Rendering;

/// <summary>Values that cannot be meant are refused with a sentence that says which, and why.</summary>
public sealed class RefusalTests
{
    [HelmTheory]
    [InlineData("mode=clustered", "mode", "'cluster'", "\"cluster\"")]
    [InlineData("silos.replcias=3", "silos", "replcias", "replcias")]
    [InlineData("silos.replicas=0", "silos", "minimum", "greater than or equal to 1")]
    [InlineData("silos.replicas=three", "silos", "want integer", "Expected: integer")]
    [InlineData("settings.memoryWatermark=60", "memoryWatermark", "maximum", "less than or equal to 1")]
    [InlineData("silos.scratch.sizeLimit=8GB", "sizeLimit", "pattern", "pattern")]
    [InlineData("services.proxy.networks[0]=10.0.0.1", "networks", "pattern", "pattern")]
    [InlineData("cluster.tls.rotation=now", "rotation", "'introduce'", "\"introduce\"")]
    [InlineData("nameOverride=nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "nameOverride", "maxLength", "less than or equal to 54")]
    [InlineData("postgres.maxConnections=0", "maxConnections", "minimum", "greater than or equal to 1")]
    [InlineData("silos.resources.limits.memory=1GB", "memory", "pattern", "pattern")]
    [InlineData("gateways.resources.requests.cpu=half", "cpu", "pattern", "pattern")]
    [InlineData("silos.resources.limits.mem=1Gi", "silos", "'mem' not allowed", "mem is not allowed")]
    [InlineData("silos.livenessProbe.successThreshold=2", "successThreshold", "maximum", "less than or equal to 1")]
    [InlineData("silos.podDisruptionBudget.maxUnavailable=200%", "maxUnavailable", "pattern", "pattern")]
    [InlineData("image.repository=registry.example:5000/granary:1.0.0", "repository", "pattern", "pattern")]
    [InlineData("image.tag=1.0.0 ", "tag", "pattern", "pattern")]
    [InlineData("settings.bind=everywhere", "bind", "pattern", "pattern")]
    [InlineData("definitions.existingSecret=Not_A_Name", "existingSecret", "pattern", "pattern")]
    [InlineData("extraEnv[0].name=1=2", "name", "pattern", "pattern")]
    public async Task Value_OutOfSchema_IsNamed(string value, string where, string helm4, string helm3)
    {
        var refusal = await Helm.RefusalAsync("--values", ValuesFile.Minimal, "--set", value);

        Assert.Contains("values don't meet the specifications of the schema", refusal, StringComparison.Ordinal);
        Assert.Contains(where, refusal, StringComparison.Ordinal);
        Assert.True(refusal.Contains(helm4, StringComparison.Ordinal) || refusal.Contains(helm3, StringComparison.Ordinal), refusal);
    }

    [HelmTheory]
    [InlineData("postgres.existingSecret=", "A cluster needs a PostgreSQL")]
    [InlineData("postgres.trial.enabled=true", "leave one of them out")]
    [InlineData("gateways.autoscaling.enabled=true,gateways.autoscaling.maxReplicas=40", "PostgreSQL has too few connections: 3 silos (16 each) and up to 40 gateways")]
    [InlineData("gateways.keda.enabled=true,gateways.keda.maxReplicas=40,gateways.keda.prometheus.serverAddress=http://p", "up to 40 gateways")]
    [InlineData("silos.replicas=6", "PostgreSQL has too few connections: 6 silos")]
    [InlineData("gateways.autoscaling.enabled=true,gateways.keda.enabled=true", "leave one of them out")]
    [InlineData("gateways.autoscaling.enabled=true,gateways.autoscaling.minReplicas=9", "gateways.autoscaling.minReplicas (9) is more than its maxReplicas (8)")]
    [InlineData("gateways.autoscaling.enabled=true,gateways.autoscaling.targetCPUUtilizationPercentage=0", "has nothing to go by")]
    [InlineData("gateways.autoscaling.enabled=true,gateways.resources.requests.cpu=null", "gateways.resources.requests.cpu, which is not set")]
    [InlineData("gateways.keda.enabled=true", "gateways.keda has nothing to go by")]
    [InlineData("gateways.terminationGracePeriodSeconds=30", "would kill gateways that still serve")]
    [InlineData("cluster.insecure=true,cluster.tls.existingSecret=members", "leave one of them out")]
    [InlineData("cluster.insecure=true,cluster.tls.rotation=introduce", "there is none")]
    [InlineData("cluster.tls.rotation=switch", "upgrade with cluster.tls.rotation introduce first")]
    [InlineData("tls.existingSecret=a,tls.certManager.enabled=true", "leave one of them out")]
    [InlineData("tls.certManager.enabled=true", "tls.certManager.issuerRef.name is empty")]
    [InlineData("tls.verifyPeer=true", "TLS is not spoken with them")]
    [InlineData("tls.existingSecret=a,tls.requireCertificate=true", "needs tls.verifyPeer")]
    [InlineData("services.proxy.enabled=true", "services.proxy.networks is empty")]
    [InlineData("ingress.grpc.enabled=true", "ingress.grpc.host is empty")]
    [InlineData("gatewayApi.grpc.enabled=true", "gatewayApi.parentRefs is empty")]
    [InlineData("definitions.existingSecret=a,definitions.existingConfigMap=b", "leave one of them out")]
    [InlineData("services.amqp.nodePort=30672", "services.amqp.nodePort and externalTrafficPolicy are for the types NodePort and LoadBalancer")]
    [InlineData("services.grpc.externalTrafficPolicy=Local", "services.grpc.nodePort and externalTrafficPolicy")]
    [InlineData("services.management.type=NodePort,services.management.loadBalancerSourceRanges={10.0.0.0/8}", "is for the type LoadBalancer")]
    [InlineData("fullnameOverride=2nd", "begins with a letter")]
    [InlineData("settings.bind=127.0.0.1", "neither probes nor clients would reach the pods")]
    [InlineData("administrator.usernameKey=password", "administrator.usernameKey and passwordKey are the same")]
    [InlineData("cluster.tls.caKey=tls.crt", "are not three names")]
    [InlineData("tls.existingSecret=a,services.grpc.tlsPort=50051", "services.grpc.port and tlsPort are both 50051")]
    [InlineData("definitions=null", "--reset-then-reuse-values")]
    [InlineData("mode=single", "would not use PostgreSQL")]
    [InlineData("mode=single,postgres.existingSecret=,gateways.autoscaling.enabled=true", "cannot be scaled")]
    public async Task Values_AtOdds_AreRefusedWithASentence(string values, string sentence) =>
        Assert.Contains(sentence, await Helm.RefusalAsync("--values", ValuesFile.Minimal, "--set", values), StringComparison.Ordinal);

    [HelmTheory]
    [InlineData("postgres.existingSecret=granary.orders.credentials.postgresql.acid.zalan.do")]
    [InlineData("image.repository=registry.example:5000/team/granary")]
    [InlineData("silos.resources.limits.cpu=1.5,silos.resources.limits.ephemeral-storage=2Gi,silos.resources.limits.example\\.com/disk=1")]
    [InlineData("silos.readinessProbe.successThreshold=2,silos.podDisruptionBudget.maxUnavailable=100%")]
    [InlineData("settings.bind=::")]
    public async Task Values_ThatKubernetesTakes_AreTaken(string values) => await Helm.RenderAsync(ValuesFile.Minimal, "--set", values);

    // "~0.0.0-0", for a version that is not told, would let in every version there is.
    [HelmTheory]
    [InlineData("1.19.16")]
    [InlineData("1.18.20-gke.100")]
    public async Task Kubernetes_OlderThan120_IsRefused(string version) =>
        Assert.Contains("chart requires kubeVersion", await Helm.RefusalAsync("--values", ValuesFile.Minimal, "--kube-version", version), StringComparison.Ordinal);

    [HelmFact]
    public async Task Gateways_AsManyAsPostgresHasConnectionsFor_AreAllowed()
    {
        // 3 silos with 16 each, 9 gateways with 4 each, one more during an upgrade: 88 of 100 without 10.
        await Helm.RenderAsync(ValuesFile.Minimal, "--set", "gateways.replicas=9");

        Assert.Contains("too few connections", await Helm.RefusalAsync("--values", ValuesFile.Minimal, "--set", "gateways.replicas=10"), StringComparison.Ordinal);
    }
}
