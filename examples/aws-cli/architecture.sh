#!/usr/bin/env bash
# architecture.sh up|down 1|2|3: one Network Load Balancer in front of services that end TLS themselves.
# Region, credentials and endpoint come from the environment, so this is for AWS and for Sealway alike.
# `up` again rolls out a new revision. ORDERS_IMAGE, LEDGER_IMAGE, TASKS, INSTANCE_PROFILE may be set: see the README.
set -euo pipefail
export AWS_PAGER='' AWS_DEFAULT_OUTPUT=text

architecture=${2:-3}
services=(orders ledger) clusters=(blue green) scheme=internet-facing
case $architecture in
    1) services=(orders) clusters=(blue) ;;
    2) scheme=internal ;;
    3) ;;
    *) echo "there are three architectures: 1, 2 and 3" >&2; exit 2 ;;
esac

declare -A cluster=([orders]=blue [ledger]=green) port=([orders]=443 [ledger]=8443)
declare -A launch_type=([orders]=EC2 [ledger]=FARGATE) target_type=([orders]=instance [ledger]=ip)
declare -A image=([orders]=${ORDERS_IMAGE:-sealway/orders:1} [ledger]=${LEDGER_IMAGE:-sealway/ledger:1})
tasks=${TASKS:-3}
container_port=8443

say() { echo "  $*" >&2; } # what is under way; the result alone goes to standard output

network() { # the default VPC, its subnets in two zones, and what may come in
    vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId')
    read -r -a subnets < <(aws ec2 describe-subnets --query 'sort_by(Subnets,&AvailabilityZone)[:2].SubnetId' \
        --filters "Name=vpc-id,Values=$vpc" Name=default-for-az,Values=true)
    group=$(aws ec2 describe-security-groups --query 'SecurityGroups[].GroupId' \
        --filters "Name=vpc-id,Values=$vpc" Name=group-name,Values=front)
    [ -n "$group" ] && return
    group=$(aws ec2 create-security-group --group-name front --description 'TLS to the containers' \
        --vpc-id "$vpc" --query GroupId)
    for ports in 8443 32768-65535; do # awsvpc tasks; dynamic host ports
        aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port $ports \
            --cidr 0.0.0.0/0 >/dev/null
    done
}

load_balancer() { # and one target group and listener a service
    balancer=$(aws elbv2 create-load-balancer --name front --type network --scheme $scheme \
        --subnets "${subnets[@]}" --query 'LoadBalancers[0].LoadBalancerArn')
    dns_name=$(aws elbv2 describe-load-balancers --names front --query 'LoadBalancers[0].DNSName')
    declare -gA target_group
    for service in "${services[@]}"; do
        target_group[$service]=$(aws elbv2 create-target-group --name "$service" --protocol TCP \
            --port $container_port --vpc-id "$vpc" --target-type "${target_type[$service]}" \
            --health-check-protocol TCP --health-check-interval-seconds 5 --healthy-threshold-count 2 \
            --query 'TargetGroups[0].TargetGroupArn')
        aws elbv2 modify-target-group-attributes --target-group-arn "${target_group[$service]}" --attributes \
            Key=deregistration_delay.timeout_seconds,Value=5 Key=preserve_client_ip.enabled,Value=true >/dev/null
        aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol TCP --port "${port[$service]}" \
            --default-actions "Type=forward,TargetGroupArn=${target_group[$service]}" >/dev/null
    done
    say "waiting for the load balancer"
    aws elbv2 wait load-balancer-available --load-balancer-arns "$balancer"
}

instance_ids() {
    aws ec2 describe-instances --query 'Reservations[].Instances[].InstanceId' \
        --filters 'Name=tag:Name,Values=blue-*' Name=instance-state-name,Values=pending,running
}

instances() { # the three of cluster blue
    local ami number
    [ -n "$(instance_ids)" ] && return
    ami=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-ecs-hvm-*-x86_64' \
        --query 'sort_by(Images,&CreationDate)[-1].ImageId')
    for number in 1 2 3; do
        aws ec2 run-instances --image-id "$ami" --instance-type t3.medium \
            --subnet-id "${subnets[$((number % 2))]}" --security-group-ids "$group" \
            --iam-instance-profile "Name=${INSTANCE_PROFILE:-ecsInstanceRole}" \
            --user-data $'#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config' \
            --tag-specifications "ResourceType=instance,Tags=[{Key=Name,Value=blue-$number}]" >/dev/null
    done
    say "waiting for the instances to run"
    aws ec2 wait instance-running --instance-ids $(instance_ids)
}

define() { # define SERVICE: a new revision. Each service is told every address: the load balancer's name and a port
    local size=(--network-mode bridge) host_port=0
    [ "${launch_type[$1]}" = FARGATE ] && size=(--network-mode awsvpc --cpu 256 --memory 512) host_port=$container_port
    local environment=() service
    for service in "${services[@]}"; do
        environment+=("{name=${service^^}_ADDRESS,value=$dns_name:${port[$service]}}")
    done
    aws ecs register-task-definition --family "$1" "${size[@]}" --requires-compatibilities "${launch_type[$1]}" \
        --query taskDefinition.taskDefinitionArn --container-definitions "name=$1,image=${image[$1]},cpu=128,memory=256,\
stopTimeout=5,portMappings=[{containerPort=$container_port,hostPort=$host_port}],environment=[$(IFS=,; echo "${environment[*]}")]"
}

service() { # service NAME: made, or brought to a new revision and to $tasks tasks
    local target=(--cluster "${cluster[$1]}") network=() definition
    definition=$(define "$1")
    if [ -n "$(aws ecs describe-services "${target[@]}" --services "$1" --query 'services[?status==`ACTIVE`].serviceArn')" ]; then
        aws ecs update-service "${target[@]}" --service "$1" --task-definition "$definition" \
            --desired-count "$tasks" >/dev/null
        return
    fi
    [ "${launch_type[$1]}" = FARGATE ] && network=(--network-configuration "awsvpcConfiguration={\
subnets=[$(IFS=,; echo "${subnets[*]}")],securityGroups=[$group],assignPublicIp=ENABLED}")
    aws ecs create-service "${target[@]}" --service-name "$1" --task-definition "$definition" \
        --desired-count "$tasks" --launch-type "${launch_type[$1]}" "${network[@]}" --load-balancers \
        "targetGroupArn=${target_group[$1]},containerName=$1,containerPort=$container_port" >/dev/null
}

up() {
    network
    load_balancer
    for name in "${clusters[@]}"; do aws ecs create-cluster --cluster-name "$name" >/dev/null; done
    instances
    for service in "${services[@]}"; do service "$service"; done
    for service in "${services[@]}"; do
        say "waiting for service $service to be stable"
        aws ecs wait services-stable --cluster "${cluster[$service]}" --services "$service"
        echo "$service: $dns_name:${port[$service]}"
    done
}

down() {
    local balancer arn ids
    for service in "${services[@]}"; do
        aws ecs delete-service --force --cluster "${cluster[$service]}" --service "$service" >/dev/null
        say "waiting for service $service to end"
        aws ecs wait services-inactive --cluster "${cluster[$service]}" --services "$service"
        for arn in $(aws ecs list-task-definitions --family-prefix "$service" --query 'taskDefinitionArns[]'); do
            aws ecs deregister-task-definition --task-definition "$arn" >/dev/null
        done
    done
    balancer=$(aws elbv2 describe-load-balancers --names front --query 'LoadBalancers[0].LoadBalancerArn')
    aws elbv2 delete-load-balancer --load-balancer-arn "$balancer"
    say "waiting for the load balancer and the instances to go"
    aws elbv2 wait load-balancers-deleted --load-balancer-arns "$balancer"
    for arn in $(aws elbv2 describe-target-groups --names "${services[@]}" --query 'TargetGroups[].TargetGroupArn'); do
        aws elbv2 delete-target-group --target-group-arn "$arn"
    done
    for arn in $(aws ecs list-container-instances --cluster blue --query 'containerInstanceArns[]'); do
        aws ecs deregister-container-instance --cluster blue --container-instance "$arn" --force >/dev/null
    done
    ids=$(instance_ids)
    aws ec2 terminate-instances --instance-ids $ids >/dev/null
    aws ec2 wait instance-terminated --instance-ids $ids
    for name in "${clusters[@]}"; do aws ecs delete-cluster --cluster "$name" >/dev/null; done
    aws ec2 delete-security-group --group-name front >/dev/null
}

case ${1:-} in
    up|down) "$1" ;;
    *) echo "usage: $0 up|down 1|2|3" >&2; exit 2 ;;
esac
